"""target-scale: regression targets far from the scale of a fresh network's outputs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.stats import median
from torchvitals.diagnosis.consequences import OF_A_BROKEN_CONTRACT
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.loss_kinds import BY_DISTANCE, loss_kind
from torchvitals.diagnosis.own_targets import targets_shrink
from torchvitals.diagnosis.rule import Case, Rule, Stage
from torchvitals.diagnosis.trivial import target_variance


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetScale(Rule):
    """The targets of a regression are many times larger, or smaller, than what the network puts out at the start.

    What it sees:
        Mean and variance of the floating targets of a loss that compares by distance.

    Why it matters:
        A fresh network puts out numbers of about 0.1 to 1. Against targets in the hundreds the squared error and its gradient are
        enormous: the first steps throw the weights away, or a learning rate that survives them is too small for all that follows.
        Against targets of a thousandth the first thing to learn is to put out nothing, and every loss looks good.

    Formula:
        r = √(mean² + variance) > 50, or standard deviation < 0.02, of the targets (medians over the steps).

    When it is wrong:
        A run that learns all the same is only told (info): Adam does not mind the size of the gradient, and a network may scale
        its outputs itself. Nothing is said of classification, nor of targets that are constant.

    What to do:
        Standardise the targets with the mean and deviation of the training set, and undo it for predictions.

    References:
        Not a published constant: the band is [0.02, 50]. DeepDiagnosis calls a linear output out of range from ten times the
        targets on; TheDeepChecker asks for normalised targets. Notes C2a, S17.
    """

    code: ClassVar[str] = "TV201"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.CONTRACT
    needs: ClassVar[tuple[str, ...]] = ("manifest", "loss", "target_mean")
    min_steps: ClassVar[int] = 1
    gated: ClassVar[bool] = True
    explains: ClassVar[tuple[str, ...]] = OF_A_BROKEN_CONTRACT
    notes: ClassVar[tuple[str, ...]] = ("C2a", "S17")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="targets in the thousands, with SGD",
            program="""
                model = mlp(depth=2, activation=nn.ReLU, outputs=1)
                optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
                loss_fn = nn.MSELoss()
                batches = [(x, 1000 * x[:, 20:28].sum(dim=1, keepdim=True)) for x, _ in digits(60)]
            """,
        ),
        Case(
            name="a mean that Adam takes too long to reach",
            program="""
                model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
                loss_fn = nn.L1Loss()
                x = torch.randn(64, 2)
                batches = [(x, 300 + 20 * x[:, :1])] * 100
            """,
        ),
        Case(
            name="targets of a ten-thousandth",
            program="""
                model = mlp(depth=2, activation=nn.Tanh, outputs=1)
                optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
                loss_fn = nn.MSELoss()
                batches = [(x, 1e-4 * x[:, 20:28].sum(dim=1, keepdim=True)) for x, _ in digits(100)]
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="standardised targets",
            program="""
                model = mlp(depth=2, activation=nn.ReLU, outputs=1)
                optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
                loss_fn = nn.MSELoss()
                batches = [(x, (x[:, 20:28].sum(dim=1, keepdim=True) - 2.4) / 0.8) for x, _ in digits(300)]
            """,
        ),
        Case(
            name="targets of a few tens",
            program="""
                model = mlp(depth=2, activation=nn.ReLU, outputs=1)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
                loss_fn = nn.MSELoss()
                batches = [(x, 10 * x[:, 20:24].sum(dim=1, keepdim=True)) for x, _ in digits(300)]
            """,
        ),
    )

    high: float = 50.0  # root mean square of the targets
    low: float = 0.02  # standard deviation of the targets

    def check(self, run: Run) -> Outcome:
        """Compare the size and the spread of the targets with the band."""
        kind = loss_kind(run.manifest)
        if kind not in BY_DISTANCE:
            return self.skip("the loss is not known to compare outputs and targets by distance")
        if targets_shrink(run):
            return self.skip("the targets lose their variance: they are made by the network itself")
        mean = run.scalar("target_mean", "train")
        variance = target_variance(run)
        if mean is None or not np.isfinite(mean.value).any():
            return self.skip("no finite targets were seen")
        centre, spread = median(mean.value), math.sqrt(max(variance or 0.0, 0.0))
        size = math.hypot(centre, spread)
        if size > self.high:
            return (self._finding(run, size, f"about {size:.3g} in size (mean {centre:.3g}, deviation {spread:.3g})", "large"),)
        if variance is not None and 0 < spread < self.low and abs(centre) < self.low:
            return (self._finding(run, spread, f"{spread:.2g} in deviation around {centre:.2g}", "small"),)
        return self.clean(f"targets with mean {centre:.3g} and deviation {spread:.3g}; size up to {self.high:g} is fine")

    def _finding(self, run: Run, observed: float, how: str, what: str) -> Finding:
        state = learning(run)
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=Severity.WARNING if what == "small" else Severity.CRITICAL,
            first_step=int(run.steps[0]),
            last_step=int(run.steps[-1]),
            summary=f"The targets are {how}: too {what} for a network that starts with outputs below 1.",
            evidence=(
                Evidence(
                    tag="target_variance/train" if "target_variance" in run.measures else "target_mean/train",
                    observed=observed,
                    low=self.low,
                    high=self.high,
                    sentence=f"the targets are {how}; healthy is {self.low:g} to {self.high:g}",
                ),
                Evidence(tag="loss/train", observed=state.current, sentence=state.sentence),
            ),
            remedies=(
                Remedy(
                    change="Standardise the targets: subtract the training set's mean, divide by its deviation; undo it for predictions.",
                    expect="a squared error near 1 at the start that falls from the first steps on",
                ),
                Remedy(
                    change="For targets over several powers of ten, predict their logarithm.",
                    expect="errors of the same relative size for small and large targets",
                ),
            ),
            notes=self.notes,
        )
