"""class-imbalance: a rare class is as good as never predicted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.series import VectorSeries
from torchvitals.diagnosis.batches import class_counts
from torchvitals.diagnosis.curves import batch_size
from torchvitals.diagnosis.rule import Case, Rule, Stage

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassImbalance(Rule):
    """One class outnumbers another by far, and the network leaves the rare one out.

    What it sees:
        How often each class is the target of the batches, and how often it is predicted, in the second half of the run.

    Why it matters:
        The accuracy looks good because the common classes make it up. The rare class is often the one that matters.

    Formula:
        With k_c predictions and n_c targets of class c, its recall is at most k_c/n_c. Found when max n/n_c > 10 over all steps,
        n_c ≥ 10 in the second half, and k_c/n_c < 0.2 there.

    When it is wrong:
        Imbalance alone is no fault: a rare class that is predicted about as often as it occurs is left alone, and a weighted sampler
        shows in the batches. Too early a look finds every rare class left out, hence the second half. With more than 20 classes,
        or several targets a sample (segmentation, language), rare ones are often beyond prediction: not judged.

    What to do:
        Class weights in the loss, over-sampling, focal loss; judge by recall per class.

    References:
        SageMaker Debugger's ClassImbalance: ratio 10 and an error of 0.7 in a class after 500 labels. Notes C2a, S16.
    """

    code: ClassVar[str] = "TV901"
    severity: ClassVar[Severity] = Severity.WARNING
    stage: ClassVar[Stage] = Stage.DATA
    needs: ClassVar[tuple[str, ...]] = ("target_class_count", "predicted_class_count")
    min_steps: ClassVar[int] = 20
    gated: ClassVar[bool] = False
    explains: ClassVar[tuple[str, ...]] = ("constant-output", "loss-not-decreasing")
    notes: ClassVar[tuple[str, ...]] = ("C2a", "S16")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="one sample in twenty-five that is hard to tell",
            program="""
                model = mlp(depth=1, width=16, activation=nn.ReLU, outputs=2)
                optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

                def batch(x):
                    y = (torch.rand(len(x)) < 0.04).long()
                    return x + 0.3 * y[:, None] * torch.randn_like(x[:, :1]).abs(), y

                batches = [batch(torch.randn(len(x), 64)) for x, _ in digits(300)]
            """,
        ),
        Case(
            name="eights among ones that are thirty times as many",
            program="""
                model = nn.Sequential(
                    nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10)
                )
                optimizer = torch.optim.SGD(model.parameters(), lr=5e-3)
                x, y = next(digits(1, batch=20000))
                keep = torch.where(torch.isin(y, torch.tensor([1, 4])) | ((y == 8) & (torch.rand(len(y)) < 0.06)))[0]
                batches = [(x[i], y[i]) for i in keep[torch.randint(0, len(keep), (200, 64))]]
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a rare class that is learned",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                x, y = next(digits(1, batch=20000))
                keep = torch.where((y != 6) | (torch.rand(len(y)) < 0.06))[0]
                batches = [(x[i], y[i]) for i in keep[torch.randint(0, len(keep), (300, 64))]]
            """,
        ),
        Case(
            name="a rare class, sampled as often as the others",
            program="""
                model = nn.Linear(64, 10)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
                x, y = next(digits(1, batch=20000))
                keep = torch.where((y != 6) | (torch.rand(len(y)) < 0.06))[0]
                weight = (1 / y[keep].bincount().float())[y[keep]]
                batches = [(x[i], y[i]) for i in keep[torch.multinomial(weight, 300 * 64, replacement=True).view(300, 64)]]
            """,
        ),
    )

    ratio: float = 10.0  # of the most frequent class to the rare one
    recall: float = 0.2  # bound on the recall below which a class is left out
    samples: int = 10  # of the rare class in the second half; a recall of 0.2 is two of them
    classes: int = 20  # more are not judged

    def check(self, run: Run) -> Outcome:
        """Targets against predictions, class by class, late in the run."""
        targets, predicted = class_counts(run), class_counts(run, "predicted_class_count")
        if targets is None or predicted is None:
            return self.skip("no class counts")
        start = float(run.steps[0] + run.steps[-1]) / 2
        total = np.nansum(targets.matrix(), axis=0)
        late, guessed = (_sum(series, start) for series in (targets, predicted))
        if len(total) > self.classes or len(late) != len(guessed):
            return self.skip(f"{len(total)} classes; up to {self.classes} are judged")
        per_step = float(np.median(targets.matrix().sum(axis=1)))
        if per_step > batch_size(run):
            return self.skip("several targets a sample (segmentation, language): rare ones may be beyond prediction")
        rare = (total > 0) & (total.max() > self.ratio * total) & (late >= self.samples)
        bound = guessed / np.maximum(late, 1)
        left = rare & (bound < self.recall)
        if not left.any():
            worst = total.max() / total[total > 0].min() if (total > 0).any() else 1.0
            least = f", predicted {bound[rare].min():.2g} times as often as they occur" if rare.any() else ""
            return self.clean(f"classes up to {worst:.3g} : 1{least}")
        return (self._finding(run, int(start), total, late, guessed, left),)

    def _finding(self, run: Run, start: int, total: Values, late: Values, guessed: Values, left: NDArray[np.bool_]) -> Finding:
        worst = int(np.flatnonzero(left)[np.argmin((guessed / np.maximum(late, 1))[left])])
        names = ", ".join(str(c) for c in np.flatnonzero(left))
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=self.severity,
            first_step=int(run.steps[0]),  # nothing says that it was ever told apart
            last_step=int(run.steps[-1]),
            summary=f"Class {names} is left out: of {late[worst]:g} samples of class {worst} at most {guessed[worst]:g} are recognised.",
            evidence=(
                Evidence(
                    tag="predicted_class_count/train",
                    observed=float(guessed[worst] / late[worst]),
                    low=self.recall,
                    unit="fraction",
                    sentence=f"class {worst} is predicted {guessed[worst]:g} times and occurs {late[worst]:g} times from step {start} on",
                ),
                Evidence(
                    tag="target_class_count/train",
                    observed=float(total.max() / total[worst]),
                    high=self.ratio,
                    sentence=f"the most frequent class occurs {total.max() / total[worst]:.3g} times as often",
                ),
            ),
            remedies=(
                Remedy(
                    change="Weight the loss by the inverse class frequency: nn.CrossEntropyLoss(weight=…), or focal loss.",
                    expect="the rare class is predicted about as often as it occurs",
                ),
                Remedy(
                    change="Over-sample it: torch.utils.data.WeightedRandomSampler.",
                    expect="the classes occur about equally often in the batches",
                ),
                Remedy(
                    change="Judge by recall per class or balanced accuracy, and see that validation holds every class.",
                    expect="the measure shows the rare class, and moves when it is learned",
                ),
            ),
            notes=self.notes,
        )


def _sum(series: VectorSeries, start: float) -> Values:
    total: Values = np.nansum(series.matrix()[series.step >= start], axis=0)
    return total
