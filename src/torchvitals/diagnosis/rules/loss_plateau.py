"""loss-plateau: the loss came down to the constant prediction and lies flat there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.core.stats import median
from torchvitals.diagnosis.curves import adversarial, blocks, error_of_median, finite_loss, latest, span
from torchvitals.diagnosis.gate import Learning, learning
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class LossPlateau(Rule):
    """The loss fell at first, then lies flat at what a prediction that ignores the input reaches.

    What it sees:
        The training loss of the second half: its level against the loss of the best constant prediction, and its slope.

    Why it matters:
        The steps work, for the loss did fall: the network has learned the mean of the targets or the shares of the classes.
        Nothing of the inputs has reached it yet. That is a plateau, a saddle point, or inputs that say nothing.

    Formula:
        L_first − L_end ≥ 0.04·|L_trivial|, L_end ≥ 0.9·L_trivial and within 15 % of it, at no time below that, and over the second half of the run the median falls by less
        than 2 % of L_trivial or two standard errors.

    When it is wrong:
        Some tasks rest on such a plateau for long before they take off; give them time. A plateau far below the constant prediction
        may be all that the data allows: it is not reported, for the loss alone cannot tell. Adversarial losses are skipped.

    What to do:
        See whether another finding names the cause. Else momentum or an adaptive optimizer, a cyclic learning rate, and a look at
        whether inputs and targets belong together.

    References:
        The notes' S12 on saddle points. Patience rules (5 to 10 evaluations without an improvement of 1 %) flag every run that
        has converged, and slopes of batch losses flag healthy runs; hence the level. Notes S12.
    """

    code: ClassVar[str] = "TV802"
    severity: ClassVar[Severity] = Severity.WARNING
    stage: ClassVar[Stage] = Stage.LOSS
    needs: ClassVar[tuple[str, ...]] = ("loss", "manifest")
    min_steps: ClassVar[int] = 20
    gated: ClassVar[bool] = True
    explains: ClassVar[tuple[str, ...]] = ("loss-not-decreasing", "class-imbalance")
    notes: ClassVar[tuple[str, ...]] = ("S12", "O7")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a regression that finds only the mean",
            program="""
                model = mlp(depth=2, activation=nn.Tanh, outputs=1)
                optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
                loss_fn = nn.MSELoss()
                batches = [(x, 3 + torch.randn(len(x), 1)) for x, _ in digits(300)]
            """,
        ),
        Case(
            name="a classifier that finds only the shares of the classes",
            program="""
                model = nn.Sequential(
                    nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 10)
                )
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
                batches = [(x, (torch.randint(0, 10, y.shape) * (torch.rand(len(y)) < 0.3))) for x, y in digits(300)]
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a linear regression that has reached the noise",
            program="""
                model = nn.Linear(64, 1)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
                loss_fn = nn.MSELoss()
                batches = [
                    (x, 5 * x[:, 20:40].mean(1, keepdim=True) + 0.3 * torch.randn(len(x), 1)) for x, _ in digits(300)
                ]
            """,
        ),
        Case(
            name="a start far above the constant prediction",
            program="""
                model = mlp(depth=2, activation=nn.ReLU, outputs=1)
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                loss_fn = nn.MSELoss()
                batches = [(x, 3 + 5 * x[:, 20:40].mean(1, keepdim=True)) for x, _ in digits(300)]
            """,
        ),
    )

    drop: float = 0.04  # of the trivial loss that it must have fallen at first
    near: float = 0.15  # of the trivial loss within which the plateau lies: the gate's share, and noise
    flat: float = 0.02  # of the trivial loss: a smaller fall over half the run is none
    errors: float = 2.0  # standard errors within which a fall is none
    span: int = 50  # steps of the second half, at the least
    points: int = 12  # losses in it, at the least

    def check(self, run: Run) -> Outcome:
        """Level and slope of the second half."""
        loss, state = finite_loss(run, "train"), learning(run)
        if adversarial(run):
            return self.skip("several optimizers: adversarial losses are not meant to fall")
        late = None if loss is None else latest(loss, 0.5)
        if loss is None or late is None or len(late) < self.points or span(late) < self.span:
            return self.skip(f"fewer than {self.points} finite losses over {self.span} steps in the second half")
        if state.status == "unknown" or state.trivial is None:
            return self.skip("the loss of the best constant prediction is not known")
        if state.status == "learning":
            return self.clean(state.sentence)
        scale, level = abs(state.trivial), median(late.value)
        middles, whole = blocks(late, 2)[0], blocks(loss, 10)[0]
        fall, error = float(middles[0] - middles[-1]), 2 * error_of_median(late.value)  # of two halves
        fell = state.initial - level >= self.drop * scale
        flat = fall <= max(self.flat * scale, self.errors * error)
        there = level <= state.trivial + self.near * scale and float(whole.min()) >= state.trivial - self.near * scale
        if not (fell and flat and there):
            return self.clean(
                f"no plateau at the constant prediction ({state.trivial:.3g}): fell by {state.initial - level:.3g} in all"
            )
        return (self._finding(loss, late, state, level, fall),)

    def _finding(self, loss: Series, late: Series, state: Learning, level: float, fall: float) -> Finding:
        assert state.trivial is not None
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=self.severity,
            first_step=int(loss.step[0]),  # nothing of the inputs has been learned since then
            last_step=int(late.step[-1]),
            summary=f"The loss fell from {state.initial:.3g} to {level:.3g} and lies flat at the constant prediction ({state.trivial:.3g}).",
            evidence=(
                Evidence(
                    tag="loss/train",
                    observed=level,
                    high=0.9 * state.trivial,
                    sentence=f"median of the second half {level:.3g}, over which it fell by {fall:.2g}",
                ),
            ),
            remedies=(
                Remedy(
                    change="Overfit 16 samples without augmentation, dropout or decay, for some hundred steps.",
                    expect="the loss goes to zero; if it does, inputs and targets of the whole set do not belong together",
                ),
                Remedy(
                    change="Use momentum 0.9 or Adam, and a learning rate that rises once (one-cycle or cyclic).",
                    expect="the loss leaves the constant prediction within some hundred steps",
                ),
            ),
            notes=self.notes,
        )
