"""data-order-repeats: each epoch brings the same batches in the same order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.series import Steps
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class DataOrderRepeats(Rule):
    """The same batches come back in the same order, epoch after epoch, in a run that does not learn.

    What it sees:
        Mean and standard deviation of each feature of each recorded batch. Two batches that agree in all of them are the same.

    Why it matters:
        Batches that are always cut alike let the errors of their composition add up instead of averaging out, and batch norm sees
        each sample in the same company only. It is a small harm; in a run that does not learn it is one of the things to set
        right before looking further.

    Formula:
        Smallest lag L of steps, 8 at least, at which 90 % of the pairs (t, t + L) that were both recorded, ten at least, are the
        same batch, in a run of at least 2·L steps.

    When it is wrong:
        A handful of batches on purpose (overfitting a small subset, fewer than 8) is left alone, and so are full batches. Between
        recorded steps the true period may be a divisor of the lag named. Augmented inputs never repeat, even in a fixed order.
        Token ids have no such features: skipped. A run that learns well is info at most.

    What to do:
        shuffle=True in the loader, and no seed that is set anew at the start of each epoch.

    References:
        A comparison of recorded numbers, so there is next to nothing to tune. Notes C2f, S18.
    """

    code: ClassVar[str] = "TV903"
    severity: ClassVar[Severity] = Severity.WARNING
    stage: ClassVar[Stage] = Stage.DATA
    needs: ClassVar[tuple[str, ...]] = ("input_feature_mean", "input_feature_std")
    min_steps: ClassVar[int] = 20
    gated: ClassVar[bool] = True
    explains: ClassVar[tuple[str, ...]] = ()
    notes: ClassVar[tuple[str, ...]] = ("C2f", "S18")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="random labels on fixed batches",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
                batches = [(x, torch.randint(0, 10, y.shape)) for x, y in digits(40)] * 6
            """,
        ),
        Case(
            name="noise as targets of a regression, reseeded each epoch",
            program="""
                model = nn.Sequential(
                    nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 4, 3), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(36, 1)
                )
                optimizer = torch.optim.SGD(model.parameters(), lr=5e-3)
                loss_fn = nn.MSELoss()
                x, _ = next(digits(1, batch=1600))
                y = torch.randn(1600, 1)
                order = torch.randperm(1600, generator=torch.Generator().manual_seed(1))
                batches = list(zip(x[order].split(32), y[order].split(32))) * 5
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="shuffled anew in each epoch",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
                x, y = next(digits(1, batch=1600))
                orders = [torch.randperm(1600) for _ in range(6)]
                batches = [(x[part], y[part]) for order in orders for part in order.split(32)]
            """,
        ),
        Case(
            name="four batches to overfit",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
                batches = list(digits(4)) * 60
            """,
        ),
    )

    share: float = 0.9  # of the pairs that must agree
    pairs: int = 10  # of recorded steps at one lag, at the least
    few: int = 8  # different batches, below which the data is meant to be that small

    def check(self, run: Run) -> Outcome:
        """Look for the smallest lag at which the batches agree."""
        steps, marks = _marks(run)
        different = len(np.unique(marks))
        if len(steps) < self.min_steps:
            return self.skip(f"fewer than {self.min_steps} recorded batches with features to tell them by")
        if different < self.few:
            return self.clean(f"{different} different batches in all: a small set on purpose")
        if different == len(steps):
            return self.clean(f"all {different} recorded batches differ")
        found = self._lag(steps, marks)
        if found is None:
            return self.clean(f"no lag at which the batches repeat; {different} of {len(steps)} recorded batches differ")
        return (self._finding(steps, *found),)

    def _lag(self, steps: Steps, marks: Steps) -> tuple[int, int, float] | None:
        """The lag, the number of pairs and the share of them that agree."""
        same = [np.diff(steps[marks == mark]) for mark in np.unique(marks)]
        for lag in np.unique(np.concatenate(same)):
            if lag < self.few or steps[-1] - steps[0] < 2 * lag:
                continue
            later = np.searchsorted(steps, steps + lag)
            there = (later < len(steps)) & (steps[np.minimum(later, len(steps) - 1)] == steps + lag)
            agree = marks[there] == marks[later[there]]
            if len(agree) >= self.pairs and agree.mean() >= self.share:
                return int(lag), len(agree), float(agree.mean())
        return None

    def _finding(self, steps: Steps, lag: int, pairs: int, share: float) -> Finding:
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=self.severity,
            first_step=int(steps[0]) + lag,
            last_step=int(steps[-1]),
            summary=f"Every batch is the one of {lag} steps before: the data comes in the same order again and again.",
            evidence=(
                Evidence(
                    tag="input_feature_mean/model",
                    observed=share,
                    low=0.0,
                    high=self.share,
                    unit="fraction",
                    sentence=f"{share:.0%} of {pairs} pairs of recorded batches {lag} steps apart agree in every feature",
                ),
            ),
            remedies=(
                Remedy(
                    change="DataLoader(…, shuffle=True), without a generator or seed that is set again in each epoch.",
                    expect="batches of different epochs differ",
                ),
                Remedy(
                    change="If the batches are kept in a list, draw their samples anew instead of cutting them once.",
                    expect="no two recorded batches have the same feature means",
                ),
            ),
            notes=self.notes,
        )


def _marks(run: Run) -> tuple[Steps, Steps]:
    """The recorded steps and a number for each that is the same for the same batch."""
    parts = [run.vectors_by_subject(f"input_feature_{part}").get("model") for part in ("mean", "std")]
    mean, std = parts
    if mean is None or std is None or len(mean) != len(std) or not len(mean):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    table = np.column_stack([mean.matrix(), std.matrix()]).astype(np.float32)
    known = np.isfinite(table).all(axis=1)
    _, marks = np.unique(table[known], axis=0, return_inverse=True)
    return mean.step[known], marks.reshape(-1).astype(np.int64)
