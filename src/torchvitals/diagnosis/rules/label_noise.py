"""label-noise: the training set is learned by heart and nothing of it holds for validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.core.stats import median
from torchvitals.diagnosis.batches import class_counts
from torchvitals.diagnosis.curves import finite_loss
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.programs import validated
from torchvitals.diagnosis.rule import Case, Rule, Stage

LOOP = validated(period=15, first=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelNoise(Rule):
    """The network can only memorise: validation never gets better than a constant prediction.

    What it sees:
        A training loss that falls far below the constant prediction, and a validation loss that at no evaluation is below it,
        although validation began before the memorising did.

    Why it matters:
        What is learned is which sample has which label, not what the labels have to do with the inputs. Shuffled, misaligned or
        random labels look like this, and so does a validation set that is prepared differently.

    Formula:
        Training loss at the end < 0.5 × reference; smallest validation loss > 0.97 × loss of the constant prediction (the first
        validation loss where that is not known) and > 0.95 × the first one, over at least five evaluations, of which one was made while the training loss was
        still above 0.8 × reference.

    When it is wrong:
        Partly wrong labels leave something to learn and are not seen here. A few dozen samples of many dimensions can be
        memorised before anything general is learned. If validation is left without a preprocessing step of training, or runs in
        the wrong mode, the labels are innocent (networks with batch norm, and classes of very unlike size, are therefore not judged): compare the loss of one training batch in both places.

    What to do:
        Print inputs with their labels as the network gets them; check that shuffling and filtering were applied to both alike.

    References:
        Zhang et al., Understanding deep learning requires rethinking generalization, 2017 (networks fit random labels).
        TheDeepChecker trains on corrupted labels for the same comparison. Notes C2a, C2e.
    """

    code: ClassVar[str] = "TV904"
    severity: ClassVar[Severity] = Severity.WARNING
    stage: ClassVar[Stage] = Stage.DATA
    needs: ClassVar[tuple[str, ...]] = ("loss",)
    min_steps: ClassVar[int] = 10
    gated: ClassVar[bool] = False
    explains: ClassVar[tuple[str, ...]] = ("overfitting",)
    notes: ClassVar[tuple[str, ...]] = ("C2a", "C2e")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="labels shifted by one sample",
            program=f"""
    x, y = next(digits(1, batch=128))
    y = y.roll(1)
    held_x, held_y = next(digits(1, batch=400))
    model = mlp(depth=2, width=256, activation=nn.ReLU)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
{LOOP}
""",
        ),
        Case(
            name="labels in another order than the images",
            program=f"""
    x, y = next(digits(1, batch=128))
    y = y[torch.randperm(128)]
    held_x, held_y = next(digits(1, batch=400))
    model = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Flatten(), nn.Linear(1152, 64), nn.ReLU(), nn.Linear(64, 10)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
{LOOP}
""",
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="right labels, held out",
            program=f"""
    x, y = next(digits(1, batch=1000))
    held_x, held_y = next(digits(1, batch=400))
    model = mlp(depth=2, width=128, activation=nn.ReLU)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
{LOOP}
""",
        ),
        Case(
            name="one label in ten is wrong",
            program=f"""
    x, y = next(digits(1, batch=1500))
    y = torch.where(torch.rand(len(y)) < 0.1, torch.randint(0, 10, y.shape), y)
    held_x, held_y = next(digits(1, batch=400))
    model = mlp(depth=1, width=64, activation=nn.ReLU)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
{LOOP}
""",
        ),
    )

    memorised: float = 0.5  # of the reference loss, below which the training set is being memorised
    fresh: float = 0.8  # of it, above which memorising has not begun
    useless: float = 0.97  # of the constant prediction's loss, which validation never gets below
    better: float = 0.95  # of the first validation loss: below it validation has learned something
    ratio: float = 10.0  # of class sizes, above which a constant prediction may do differently in validation
    evaluations: int = 5  # validation losses, at the least

    def check(self, run: Run) -> Outcome:
        """Both losses against the constant prediction."""
        validation, training = finite_loss(run, "val"), finite_loss(run, "train")
        if validation is None or training is None or len(validation) < self.evaluations:
            return self.skip(f"fewer than {self.evaluations} validation losses (loss/val) beside the training loss")
        state = learning(run)
        reference, end = state.reference, median(training.value[-max(3, len(training) // 10) :])
        if not reference > 0:
            return self.skip("the losses are not positive: there is no share of the constant prediction's")
        if not end < self.memorised * reference:
            return self.clean(
                f"training loss {end:.3g}, above {self.memorised:g} × {reference:.3g}: nothing has been memorised"
            )
        if run.manifest is not None and any("BatchNorm" in m.kind for m in run.manifest.modules if m.fired):
            return self.skip("batch norm evaluates with other statistics than it trains with: the labels need not be at fault")
        counts = class_counts(run)
        total = np.empty(0) if counts is None else np.nansum(counts.matrix(), axis=0)
        if (total > 0).any() and total.max() > self.ratio * total[total > 0].min():
            return self.skip("classes of very unlike size: validation may hold them in other shares")
        early = training.between(-float("inf"), float(validation.step[0]))
        if not len(early) or median(early.value[-3:]) < self.fresh * reference:
            return self.skip("validation began after the training loss had fallen: what it was worth before is not known")
        bound = state.trivial if state.trivial is not None else float(validation.value[0])
        low = float(validation.value.min())
        if low <= self.useless * bound or low < self.better * float(validation.value[0]):
            return self.clean(
                f"validation loss down to {low:.3g}, the constant prediction at {bound:.3g}, the first one {validation.value[0]:.3g}"
            )
        return (self._finding(training, validation, end, low, bound),)

    def _finding(self, training: Series, validation: Series, end: float, low: float, bound: float) -> Finding:
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=self.severity,
            first_step=int(training.step[0]),
            last_step=int(validation.step[-1]),
            summary=f"The training loss falls to {end:.3g}, but validation is never better than a constant prediction ({bound:.3g}).",
            evidence=(
                Evidence(
                    tag="loss/val",
                    observed=low,
                    high=self.useless * bound,
                    sentence=f"smallest of {len(validation)} validation losses {low:.3g}; the constant prediction has {bound:.3g}",
                ),
                Evidence(tag="loss/train", observed=end, sentence=f"while the training loss ends at {end:.3g}"),
            ),
            remedies=(
                Remedy(
                    change="Show a dozen training samples with their labels, taken from the loader and not from the files.",
                    expect="each label fits its input",
                ),
                Remedy(
                    change="Evaluate a training batch by the validation code: same preprocessing, same mode.",
                    expect="its loss is the training loss; if it is not, validation is prepared differently",
                ),
                Remedy(
                    change="Train the same network on a data set that is known to be solvable.",
                    expect="validation falls with training there: then the labels here are at fault",
                ),
            ),
            notes=self.notes,
        )
