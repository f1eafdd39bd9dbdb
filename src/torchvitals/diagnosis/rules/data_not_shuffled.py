"""data-not-shuffled: the batches differ by more than random draws would."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.diagnosis.batches import (
    balanced_by_design,
    class_counts,
    feature_dispersion,
    label_dispersion,
    target_dispersion,
)
from torchvitals.diagnosis.curves import adversarial, batch_size
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class DataNotShuffled(Rule):
    """The samples come in an order: a batch holds what is alike, the next one something else.

    What it sees:
        How often each class is in each batch, against its share in all; for floating targets the scatter of the batches' means.
        Without either, the scatter of the means of the input's features.

    Why it matters:
        The network learns the order: it fits the class that is on show and forgets the last one. The training loss looks better
        than the network is, and jumps when the next class begins.

    Formula:
        χ²/(C − 1) of a batch of n with class shares p: Σ (k_c − n·p_c)²/(n·p_c)/(C − 1). Found when its mean over the batches
        exceeds 3 by three standard errors. For means m with standard error e for random draws: (1.4826·MAD of m)²/e² > 5. Ten batches at least.

    When it is wrong:
        Batches that are grouped on purpose (by length, by time, tasks of meta-learning, a curriculum) do what is seen here; mute the
        symptom there. Equal numbers of several classes in each batch (pairs, triplets) are taken for such a sampler.
        Balanced batches differ less than random ones and are never found. Where labels are known they decide, not the inputs.
        Full batches do not differ at all. Adversarial training (two optimizers) shows real and generated data by turns: skipped.

    What to do:
        DataLoader(…, shuffle=True), or shuffle the samples once before they are cut into batches.

    References:
        Measured: χ²/(C − 1) at most 1.2 shuffled, at least 14 sorted or in blocks, at batch sizes 16 to 128; of features at most 1.4
        shuffled and 3.1 to 7.6 (images) or 6.4 and more (columns) sorted. Notes C2f, S18.
    """

    code: ClassVar[str] = "TV902"
    severity: ClassVar[Severity] = Severity.WARNING
    stage: ClassVar[Stage] = Stage.DATA
    needs: ClassVar[tuple[str, ...]] = ("batch_size",)
    min_steps: ClassVar[int] = 10
    gated: ClassVar[bool] = False
    explains: ClassVar[tuple[str, ...]] = (
        "data-order-repeats",
        "loss-oscillation",
        "loss-spike",
        "loss-divergence",
        "loss-plateau",
        "loss-not-decreasing",
        "class-imbalance",
        "gradient-spike",
        "exploding-gradient",  # it is measured against the variance within batches, which sorting makes small
        "overfitting",
        "batch-size",
    )
    notes: ClassVar[tuple[str, ...]] = ("C2f", "S18")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="digits sorted by class",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
                x, y = next(digits(1, batch=9600))
                order = y.argsort(stable=True)
                batches = list(zip(x[order].split(64), y[order].split(64)))
            """,
        ),
        Case(
            name="a regression on sorted targets in batches of eight",
            program="""
                model = nn.Sequential(
                    nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3), nn.Tanh(), nn.Flatten(), nn.Linear(288, 1)
                )
                optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
                loss_fn = nn.MSELoss()
                x, _ = next(digits(1, batch=1600))
                y = 5 * x[:, 20:40].mean(1, keepdim=True)
                order = y[:, 0].argsort()
                batches = list(zip(x[order].split(8), y[order].split(8)))
            """,
        ),
        Case(
            name="an autoencoder on sorted digits",
            program="""
                model = mlp(depth=1, width=16, activation=nn.ReLU, outputs=64)
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                loss_fn = nn.MSELoss()
                x, y = next(digits(1, batch=9600))
                batches = [(part, part) for part in x[y.argsort(stable=True)].split(64)]
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="batches of one",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
                batches = list(digits(300, batch=1))
            """,
        ),
        Case(
            name="eight samples of each of four classes, as for triplets",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
                x, y = next(digits(1, batch=1500))
                by_class = [x[y == c] for c in range(10)]

                def chosen():
                    classes = torch.randperm(10)[:4]
                    parts = [by_class[c][torch.randint(0, len(by_class[c]), (8,))] for c in classes]
                    return torch.cat(parts), classes.repeat_interleave(8)

                batches = [chosen() for _ in range(300)]
            """,
        ),
        Case(
            name="rare classes, shuffled",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
                x, y = next(digits(1, batch=6000))
                keep = (y < 5) | (torch.rand(len(y)) < 0.15)
                batches = [(x[i], y[i]) for i in torch.where(keep)[0][torch.randint(0, int(keep.sum()), (300, 32))]]
            """,
        ),
    )

    labels: float = 3.0  # χ²/(C − 1) of the classes; shuffled ≤ 1.2, sorted ≥ 14
    means: float = 5.0  # Var(m)/e² of targets or features; shuffled ≤ 1.4, sorted columns ≥ 6.4
    errors: float = 3.0  # standard errors by which the mean of χ²/(C − 1) must exceed its bound
    batches: int = 10  # batches (blocks of small ones), at the least

    def check(self, run: Run) -> Outcome:
        """Classes where they are known, else floating targets, else features."""
        if adversarial(run):
            return self.skip("several optimizers: real and generated batches differ by design")
        counts = class_counts(run)
        if counts is not None:
            dispersion = label_dispersion(counts)
            if len(dispersion) >= self.batches:
                if balanced_by_design(counts):
                    return self.clean("batches hold equally many samples of several classes: a sampler that is meant to")
                error = float(dispersion.std(ddof=1)) / math.sqrt(len(dispersion))
                value, bound = float(dispersion.mean()), self.labels + self.errors * error
                return self._judged(run, "χ²/(C − 1) of the classes", "target_class_count/train", value, bound)
        for value, seen, what, tag in self._of_means(run):
            if math.isfinite(value) and seen >= self.batches:
                return self._judged(run, what, tag, value, self.means)
        return self.skip(f"fewer than {self.batches} batches with classes, targets or features that could be compared")

    @staticmethod
    def _of_means(run: Run) -> tuple[tuple[float, int, str, str], ...]:
        targets, features = target_dispersion(run, batch_size(run)), feature_dispersion(run)
        return (
            (*targets, "the scatter of the targets' means", "target_mean/train"),
            (*features, "the scatter of the features' means", "input_feature_mean/model"),
        )

    def _judged(self, run: Run, what: str, tag: str, value: float, bound: float) -> Outcome:
        if not value > bound:
            return self.clean(f"{what} is {value:.3g} times that of random draws, accepted up to {bound:.3g}")
        return (
            Finding(
                symptom=self.name(),
                code=self.code,
                severity=self.severity,
                first_step=int(run.steps[0]),
                last_step=int(run.steps[-1]),
                summary=f"The batches are no random draws: {what} is {value:.3g} times what shuffled data has.",
                evidence=(
                    Evidence(
                        tag=tag,
                        observed=value,
                        low=0.0,
                        high=bound,
                        sentence=f"{what} {value:.3g}, about 1 for shuffled data, accepted up to {bound:.3g}",
                    ),
                ),
                remedies=(
                    Remedy(
                        change="Shuffle: DataLoader(dataset, batch_size=…, shuffle=True), anew in each epoch.",
                        expect="every batch holds the classes in about their overall shares",
                    ),
                    Remedy(
                        change="If data is streamed from sorted files, read several at once through a shuffle buffer.",
                        expect="the dispersion falls towards 1 and the loss no longer jumps from part to part",
                    ),
                    Remedy(
                        change="If the batches are grouped on purpose, mute this symptom.",
                        expect="no finding, and the grouping is documented",
                    ),
                ),
                notes=self.notes,
            ),
        )
