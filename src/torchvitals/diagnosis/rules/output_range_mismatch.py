"""output-range-mismatch: the last activation cannot reach the targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.stats import median, persistent
from torchvitals.diagnosis.consequences import OF_A_BROKEN_CONTRACT
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.heads import Head, head
from torchvitals.diagnosis.loss_kinds import BY_DISTANCE, KINDS, loss_kind
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputRangeMismatch(Rule):
    """Targets lie where the outputs can never get: a sigmoid ends at 1, a tanh at ±1, a ReLU at 0.

    What it sees:
        The range of the last activation, smallest and largest target of the batches, and the share of the targets outside the
        outputs as the loss was given them.

    Why it matters:
        The outputs are driven to the end of their range, where the activation is flat: the gradient vanishes, and the error that
        is left stays for good.

    Formula:
        (max t − b) / (max t − min t) > 0.1 for the upper bound b of the last activation, or the same at its lower bound, and at
        least 5 % of the targets outside the outputs of the batch; each in at least half of the recorded steps. For losses that
        compare by distance.

    When it is wrong:
        Targets that a clipping loss cuts off on purpose, and single outliers, which few batches hold. An activation that is
        scaled afterwards (5·tanh) does not keep to its range and is not taken for the last one. Targets at the very end of the
        range, 0 and 1 for a sigmoid, are approached and not reported.

    What to do:
        End with a linear layer, or scale the targets into the range.

    References:
        Exam question on an autoencoder of seven sigmoid layers with MSE and inputs from 0 to 15, which never improves (notes
        S20, S26). DeepDiagnosis checks the range of the outputs against the targets in the same way.
    """

    code: ClassVar[str] = "TV202"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.CONTRACT
    needs: ClassVar[tuple[str, ...]] = ("manifest", "output_min", "output_max", "target_min", "target_max")
    min_steps: ClassVar[int] = 2
    gated: ClassVar[bool] = False
    explains: ClassVar[tuple[str, ...]] = ("target-scale", *OF_A_BROKEN_CONTRACT)
    notes: ClassVar[tuple[str, ...]] = ("S20", "S26")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a sigmoid autoencoder of inputs from 0 to 15",
            program="""
                sizes = [64, 48, 32, 16, 8, 16, 32, 64]
                layers = [part for a, b in zip(sizes, sizes[1:]) for part in (nn.Linear(a, b), nn.Sigmoid())]
                model = nn.Sequential(*layers)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
                loss_fn = nn.MSELoss()
                batches = [(15 * x, 15 * x) for x, _ in digits(100)]
            """,
            module="13",
        ),
        Case(
            name="a tanh against standardised targets",
            program="""
                class Bounded(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.hidden, self.out = nn.Linear(64, 32), nn.Linear(32, 1)

                    def forward(self, x):
                        return torch.tanh(self.out(torch.relu(self.hidden(x))))

                model = Bounded()
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                loss_fn = nn.functional.mse_loss
                batches = [(x, (x[:, 20:28].sum(dim=1, keepdim=True) - 2.4) / 0.8) for x, _ in digits(200)]
            """,
            module="tanh#0",
        ),
        Case(
            name="a ReLU against negative targets, the error written out",
            program="""
                model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1), nn.ReLU())
                optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
                x = torch.randn(32, 2)
                batches = [(x, x.sum(dim=1, keepdim=True))] * 60

                def loss_fn(prediction, target):
                    return (prediction - target).pow(2).mean()
            """,
            module="3",
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a sigmoid against pixels from 0 to 1",
            program="""
                model = nn.Sequential(*mlp(depth=2, activation=nn.ReLU, outputs=64), nn.Sigmoid())
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                loss_fn = nn.MSELoss()
                batches = [(x, x) for x, _ in digits(200)]
            """,
        ),
        Case(
            name="a tanh scaled to the targets",
            program="""
                class Scaled(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.net = mlp(depth=2, activation=nn.ReLU, outputs=1)

                    def forward(self, x):
                        return 5 * torch.tanh(self.net(x))

                model = Scaled()
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                loss_fn = nn.MSELoss()
                batches = [(x, (x[:, 20:28].sum(dim=1, keepdim=True) - 2.4) / 0.8) for x, _ in digits(200)]
            """,
        ),
        Case(
            name="a ReLU against targets that are not negative",
            program="""
                model = nn.Sequential(*mlp(depth=2, activation=nn.Tanh, outputs=1), nn.Softplus())
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                loss_fn = nn.SmoothL1Loss()
                batches = [(x, x[:, 20:28].sum(dim=1, keepdim=True)) for x, _ in digits(200)]
            """,
        ),
    )

    beyond: float = 0.1  # share of the targets' own range that lies beyond the bound
    outside: float = 0.05  # share of the targets outside the outputs: more than outliers
    share: float = 0.5  # of the recorded steps in which it must hold

    def check(self, run: Run) -> Outcome:
        """The targets' range against that of the last activation."""
        last, kind = head(run), loss_kind(run.manifest)
        if last is None:
            return self.clean("the network does not end with an activation that bounds its outputs")
        known = run.manifest is not None and run.manifest.loss in KINDS
        if known and kind not in BY_DISTANCE:
            return self.skip(f"{run.manifest.loss if run.manifest else ''} does not compare outputs and targets by distance")
        low, high = run.scalar("target_min", "train"), run.scalar("target_max", "train")
        missed = run.scalar("targets_outside_outputs", "train")
        if low is None or high is None or missed is None or not len(low) or len(low) != len(high):
            return self.skip("no floating targets were seen beside the outputs")
        width = np.where(high.value > low.value, high.value - low.value, np.inf)
        above, below = (high.value - last.high) / width, (last.low - low.value) / width
        worst = np.maximum(above, below)
        if not (persistent(worst > self.beyond, self.share) and persistent(missed.value > self.outside, self.share)):
            return self.clean(
                f"targets from {median(low.value):.3g} to {median(high.value):.3g}; {last.kind} reaches {last.low:g} to {last.high:g}"
            )
        return (self._finding(run, last, median(low.value), median(high.value), median(missed.value)),)

    def _finding(self, run: Run, last: Head, low: float, high: float, missed: float) -> Finding:
        state = learning(run)
        over = high - last.high > last.low - low
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=Severity.WARNING if state.well else Severity.CRITICAL,
            module=last.name,
            modules=(last.name,),
            first_step=int(run.steps[0]),
            last_step=int(run.steps[-1]),
            summary=f"The targets go from {low:.3g} to {high:.3g}, the outputs of {last.kind} ({last.name}) only from {last.low:g} "
            f"to {last.high:g}.",
            evidence=(
                Evidence(
                    tag="target_max/train" if over else "target_min/train",
                    observed=high if over else low,
                    low=last.low,
                    high=last.high if np.isfinite(last.high) else None,
                    sentence=f"targets {low:.3g} to {high:.3g} (median of the batches); {last.kind} is bounded",
                ),
                Evidence(
                    tag="targets_outside_outputs/train",
                    observed=missed,
                    high=self.outside,
                    unit="fraction",
                    sentence=f"{missed:.0%} of the targets lie outside the outputs of their batch",
                ),
                Evidence(tag="loss/train", observed=state.current, sentence=state.sentence),
            ),
            remedies=(
                Remedy(
                    change=f"Remove {last.name} and end with the linear layer.",
                    expect="the largest output approaches the largest target and the loss goes on falling",
                ),
                Remedy(
                    change=f"Or scale the targets into [{last.low:g}, {last.high:g}] and undo it for predictions.",
                    expect="no targets outside the outputs' range after the first steps",
                ),
            ),
            notes=self.notes,
        )
