"""constant-features: most of the input never changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.diagnosis.input_range import feature_ranges, samples_seen
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantFeatures(Rule):
    """Most features of the input have the same value in every sample, and the run does not learn.

    What it sees:
        The smallest and the largest value of up to 64 features (columns, or channels of images) over all recorded steps.

    Why it matters:
        What never changes says nothing about the target. When most or all of the input is constant, a step of the
        preprocessing has wiped it out: an integer division, a wrong mask, a crop beside the object.

    Formula:
        Share of features with max over all steps = min over all steps; found above one half, critical at 90 %; over at least 256
        samples.

    When it is wrong:
        Borders of images and padding are constant, too; in handwritten digits less than a fifth of the pixels. Features that are
        seldom non-zero need many samples to show it. A run that learns well has what it needs: info at most.

    What to do:
        Look at a batch as the network gets it; leave constant columns out.

    References:
        TheDeepChecker and TorchAudit test for a standard deviation below 1e-5 in one batch, which calls rare features dead. Notes C2a, C2c.
    """

    code: ClassVar[str] = "TV113"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.INPUT
    needs: ClassVar[tuple[str, ...]] = ("input_feature_min", "input_feature_max", "batch_size")
    min_steps: ClassVar[int] = 3
    gated: ClassVar[bool] = True
    explains: ClassVar[tuple[str, ...]] = (
        "vanishing-gradient",
        "zero-gradient",
        "weights-not-updating",
        "learning-rate-too-low",
        "dead-relu",
        "dead-filters",
        "activation-scale-drift",
        "constant-output",
        "representation-collapse",
        "class-imbalance",
        "loss-not-decreasing",
        "loss-plateau",
        "underfitting",
        "recurrent-gradient-decay",
        "representational-bottleneck",
    )
    notes: ClassVar[tuple[str, ...]] = ("C2a", "C2c")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="pixels lost in an integer division",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
                batches = [((16 * x).long().div(255, rounding_mode="floor").float(), y) for x, y in digits(150)]
            """,
        ),
        Case(
            name="a mask that leaves nothing of the images",
            program="""
                model = nn.Sequential(
                    nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 10)
                )
                optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
                batches = [(torch.where(x > 2, x, 1.0), y) for x, y in digits(150)]
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="digits with their empty borders",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
            """,
        ),
        Case(
            name="features that are seldom non-zero, in small batches",
            program="""
                model = nn.Linear(200, 10)
                optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
                places = [torch.randint(0, 200, (16,)) for _ in range(300)]
                batches = [(nn.functional.one_hot(p, 200).float(), p // 20) for p in places]
            """,
        ),
    )

    share: float = 0.5  # of the features that are constant
    critical: float = 0.9  # share from which the input is as good as empty
    samples: int = 256  # that must have been seen before a feature is called constant

    def check(self, run: Run) -> Outcome:
        """Ranges over all steps together."""
        ranges, samples = feature_ranges(run), samples_seen(run)
        if ranges is None or not ranges[0].size:
            return self.skip("the input has no features that are numbers")
        if samples < self.samples:
            return self.skip(f"{samples:g} samples in the recorded batches; {self.samples} are needed")
        low, high = ranges
        constant = float((low == high).mean())
        if constant <= self.share:
            return self.clean(
                f"{constant:.0%} of {low.size} features constant over {samples:g} samples, up to {self.share:.0%} accepted"
            )
        return (self._finding(run, constant, low, high, samples),)

    def _finding(self, run: Run, constant: float, low: np.ndarray, high: np.ndarray, samples: float) -> Finding:
        value = float(np.median(low[low == high]))
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=Severity.CRITICAL if constant >= self.critical else Severity.WARNING,
            first_step=int(run.steps[0]),
            last_step=int(run.steps[-1]),
            summary=f"{constant:.0%} of the input's features never change (mostly {value:.3g} in {samples:g} samples).",
            evidence=(
                Evidence(
                    tag="input_feature_max/model",
                    observed=constant,
                    low=0.0,
                    high=self.share,
                    unit="fraction",
                    sentence=f"{int((low == high).sum())} of {low.size} features looked at have one value in all recorded steps",
                ),
            ),
            remedies=(
                Remedy(
                    change="Show a batch as the network gets it, and go back through the preprocessing until it is alive.",
                    expect="each step of the preprocessing leaves samples that differ",
                ),
                Remedy(
                    change="Divide pixels as floats (x.float() / 255), and crop where the object is.",
                    expect="the largest value of most features is above the smallest",
                ),
                Remedy(
                    change="Leave out columns that are constant in the training set.",
                    expect="the share of constant features is 0",
                ),
            ),
            notes=self.notes,
        )
