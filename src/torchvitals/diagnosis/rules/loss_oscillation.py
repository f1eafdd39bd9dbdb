"""loss-oscillation: the loss swings by far more than the noise of its batches."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.core.stats import median
from torchvitals.diagnosis.curves import adversarial, batch_size, finite_loss, latest, residuals, scatter, span
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class LossOscillation(Rule):
    """The training loss swings up and down by far more than the choice of the batch can explain.

    What it sees:
        The scatter of the training loss about its straight line, in the second half of the run, against the loss of a constant
        prediction and against what batches of this size scatter by chance.

    Why it matters:
        The steps jump back and forth across the valley, or momentum carries them up its sides. Where the run is stopped decides what
        is kept.

    Formula:
        A = 1.4826·MAD of the residuals. Found when A > 0.25·|L_ref|, A > 4·L/√n for n samples a batch and median loss L, and the
        residuals change their sign at least four times.

    When it is wrong:
        The losses of single samples scatter by about their mean, those of a batch by 1/√n of it; four times that is not reached by
        chance, and never with tiny batches, which are therefore not accused. Labels that are sorted let the loss swing, too:
        that is data-not-shuffled. Losses of several optimizers are skipped.

    What to do:
        Lower the learning rate, then the momentum; a schedule that ends low lets the run settle.

    References:
        AUTOTRAINER counts peaks of the accuracy above 0.03, BTTackler a coefficient of variation above 0.2; neither knows the noise
        of a batch. Notes S9, S12, O1.
    """

    code: ClassVar[str] = "TV805"
    severity: ClassVar[Severity] = Severity.WARNING
    stage: ClassVar[Stage] = Stage.LOSS
    needs: ClassVar[tuple[str, ...]] = ("loss", "batch_size")
    min_steps: ClassVar[int] = 40
    gated: ClassVar[bool] = False
    explains: ClassVar[tuple[str, ...]] = ("loss-spike", "loss-not-decreasing", "loss-plateau")
    notes: ClassVar[tuple[str, ...]] = ("S9", "S12", "O1")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="momentum that remembers five hundred steps",
            program="""
                model = nn.Sequential(
                    nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3), nn.Tanh(), nn.Flatten(), nn.Linear(288, 3)
                )
                optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.998)
                loss_fn = nn.MSELoss()
                batches = [(x, torch.stack([3 * x[:, i : i + 20].mean(1) for i in (0, 20, 40)], 1)) for x, _ in digits(300)]
            """,
        ),
        Case(
            name="a regression with momentum close to one",
            program="""
                model = mlp(depth=1, width=64, activation=nn.Tanh, outputs=1)
                optimizer = torch.optim.SGD(model.parameters(), lr=2e-3, momentum=0.998)
                loss_fn = nn.MSELoss()
                batches = [(x, 3 * x[:, 20:40].mean(1, keepdim=True)) for x, _ in digits(300)]
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="batches of four",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
                batches = list(digits(300, batch=4))
            """,
        ),
        Case(
            name="labels of which a third is wrong",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
                batches = [
                    (x, torch.where(torch.rand(len(y)) < 0.3, torch.randint(0, 10, y.shape), y)) for x, y in digits(300, batch=16)
                ]
            """,
        ),
    )

    amplitude: float = 0.25  # of the reference loss; swings below it do not matter
    chance: float = 4.0  # times L/√n, the scatter of a batch's mean when samples scatter by their mean
    crossings: int = 4  # changes of sign that make a swing and not a hump
    points: int = 20  # losses in the second half, at the least

    def check(self, run: Run) -> Outcome:
        """The second half about its straight line."""
        loss = finite_loss(run, "train")
        if adversarial(run):
            return self.skip("several optimizers: adversarial losses swing by design")
        if loss is not None and _signed(run, loss):
            return self.skip("a loss that changes its sign and has no targets, as of a policy, swings by design")
        late = None if loss is None else latest(loss, 0.5)
        if late is None or len(late) < self.points or span(late) < self.points:
            return self.skip(f"fewer than {self.points} finite losses in the second half")
        n = batch_size(run)
        if not n >= 1:
            return self.skip("the batch size is not known")
        rest, level, scale = residuals(late), median(late.value), abs(learning(run).reference)
        swing = scatter(rest)
        limit = max(self.amplitude * scale, self.chance * abs(level) / math.sqrt(n))
        turns = int(np.sum(np.diff(np.sign(rest[rest != 0])) != 0))
        if not (swing > limit and turns >= self.crossings):
            return self.clean(
                f"the loss scatters by {swing:.2g} about its trend, accepted up to {limit:.2g} ({n:g} samples a batch)"
            )
        return (self._finding(late, swing, limit, turns, level),)

    def _finding(self, late: Series, swing: float, limit: float, turns: int, level: float) -> Finding:
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=self.severity,
            first_step=int(late.step[0]),
            last_step=int(late.step[-1]),
            summary=f"The loss swings by ±{swing:.2g} about {level:.3g}; the choice of the batch explains {limit:.2g} at most.",
            evidence=(
                Evidence(
                    tag="loss/train",
                    observed=swing,
                    low=0.0,
                    high=limit,
                    sentence=f"scatter about the trend {swing:.2g}, {turns} crossings in {len(late)} recorded losses",
                ),
            ),
            remedies=(
                Remedy(
                    change="Divide the learning rate by 3 to 10.",
                    expect="the swings shrink to the noise of the batches and the loss falls on",
                ),
                Remedy(
                    change="Lower the momentum (0.9 is usual; 0.99 and above needs a far smaller rate).",
                    expect="slow swings of the loss over tens of steps are gone",
                ),
                Remedy(
                    change="Let a cosine or step schedule end at a hundredth of the rate.",
                    expect="the loss settles at the end of the run instead of swinging on",
                ),
            ),
            notes=self.notes,
        )


def _signed(run: Run, loss: Series) -> bool:
    targets = any(run.scalar(measure, "train") is not None for measure in ("target_entropy", "target_mean"))
    return not targets and bool((loss.value < 0).any()) and bool((loss.value > 0).any())
