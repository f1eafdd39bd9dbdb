"""overfitting: the validation loss rises while the training loss falls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.core.stats import median
from torchvitals.diagnosis.curves import finite_loss, noise
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.programs import validated
from torchvitals.diagnosis.rule import Case, Rule, Stage

SMALL_DATA = """
    x, y = next(digits(1, batch=200))
    held_x, held_y = next(digits(1, batch=400))
    y = torch.where(torch.rand(len(y)) < 0.3, torch.randint(0, 10, y.shape), y)
""" + validated(period=20, first=19)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overfitting(Rule):
    """The network learns its training samples by heart: the validation loss has turned and rises.

    What it sees:
        The validation loss that was logged, against its own minimum, and the training loss over the same steps.

    Why it matters:
        From the minimum on every step makes the network worse for all but the training samples.

    Formula:
        With V the validation losses and m the step of the smallest: found when the median of the last three exceeds V_m by a tenth,
        by 5 % of the reference loss, and by three times the noise of V, each of the last three exceeds V_m by a twentieth, and
        the training loss at the end is below that around m.

    When it is wrong:
        One rise from one evaluation to the next is noise; 37 of 51 healthy runs have such. Near zero a loss rises by large
        factors for nothing, hence the share of the reference loss. If the validation accuracy has not suffered, the network is
        only over-confident: info. Dropout and augmentation put the training loss above validation; only its direction counts.

    What to do:
        Keep the weights of the minimum; then regularise or get more data.

    References:
        SageMaker Debugger's Overfit (gap above 10 %) fired in 48 of 51 healthy small runs, UMLAUT's (one epoch up and down) in 37.
        Notes S13, S28.
    """

    code: ClassVar[str] = "TV911"
    severity: ClassVar[Severity] = Severity.WARNING
    stage: ClassVar[Stage] = Stage.GENERALISATION
    needs: ClassVar[tuple[str, ...]] = ("loss",)
    min_steps: ClassVar[int] = 6
    gated: ClassVar[bool] = False
    explains: ClassVar[tuple[str, ...]] = ()
    notes: ClassVar[tuple[str, ...]] = ("S13", "S28")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="two hundred samples, a third of them with a wrong label",
            program=f"""
    model = mlp(depth=2, width=128, activation=nn.ReLU)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
{SMALL_DATA}
""",
        ),
        Case(
            name="a convolutional network on as few samples",
            program=f"""
    model = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.ReLU(), nn.Flatten(),
        nn.Linear(576, 10),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
{SMALL_DATA}
""",
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="validation on batches of sixteen that scatter",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

                def train(vitals):
                    for step, (x, y) in enumerate(digits(300)):
                        optimizer.zero_grad()
                        loss_fn(model(x), y).backward()
                        optimizer.step()
                        if step % 10 == 9:
                            held_x, held_y = next(digits(1, batch=16))
                            with torch.no_grad():
                                vitals.log(val_loss=loss_fn(model(held_x), held_y))
            """,
        ),
        Case(
            name="dropout, which puts the training loss above validation",
            program="""
                model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10))
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                held_x, held_y = next(digits(1, batch=400))

                def train(vitals):
                    for step, (x, y) in enumerate(digits(300)):
                        optimizer.zero_grad()
                        loss_fn(model(x), y).backward()
                        optimizer.step()
                        if step % 20 == 19:
                            model.eval()
                            with torch.no_grad():
                                vitals.log(val_loss=loss_fn(model(held_x), held_y))
                            model.train()
            """,
        ),
    )

    rise: float = 0.1  # of the smallest validation loss
    each: float = 0.05  # of it, by which every one of the last evaluations must exceed it
    share: float = 0.05  # of the reference loss, so that nothing is made of next to nothing
    errors: float = 3.0  # times the noise from one evaluation to the next
    evaluations: int = 6  # validation losses, at the least
    after: int = 3  # of them after the minimum
    tolerance: float = 0.01  # accuracy that may be lost before over-confidence becomes overfitting

    def check(self, run: Run) -> Outcome:
        """The end of both curves against the minimum of validation."""
        validation, training = finite_loss(run, "val"), finite_loss(run, "train")
        if validation is None or training is None or len(validation) < self.evaluations:
            return self.skip(f"fewer than {self.evaluations} validation losses (loss/val) beside the training loss")
        best = int(np.argmin(validation.value))
        low, last = float(validation.value[best]), validation.value[-self.after :]
        if len(validation) - 1 - best < self.after:
            return self.clean(f"the smallest validation loss, {low:.3g}, is among the last {self.after + 1}")
        rise = median(last) - low
        # Of a long enough curve the noise is known; of a short one the scatter of its end must do.
        least = max(self.rise * abs(low), self.share * self._reference(run, validation), self.errors * noise(validation.value))
        if not (rise > least and bool((last > low + self.each * abs(low)).all())):
            return self.clean(
                f"validation loss {median(last):.3g} at the end, {low:.3g} at best; accepted up to {low + least:.3g}"
            )
        before, end = self._training(training, int(validation.step[best]))
        if not end < before:
            return self.clean(f"the training loss rises, too ({before:.3g} to {end:.3g}): not a matter of generalisation")
        return (self._finding(run, validation, best, median(last), before, end),)

    @staticmethod
    def _reference(run: Run, validation: Series) -> float:
        reference = abs(learning(run).reference)
        return reference if np.isfinite(reference) else abs(float(validation.value[0]))

    @staticmethod
    def _training(training: Series, turn: int) -> tuple[float, float]:
        """Training loss around the minimum of validation and at the end: medians of a tenth of the points, three at least."""
        tenth = max(3, len(training) // 10)
        at = int(np.searchsorted(training.step, turn))
        first = max(0, min(at, len(training)) - tenth)
        return median(training.value[first : first + tenth]), median(training.value[-tenth:])

    def _finding(self, run: Run, validation: Series, best: int, late: float, before: float, end: float) -> Finding:
        low, turn = float(validation.value[best]), int(validation.step[best])
        accuracy = run.scalar("accuracy", "val")
        kept = False
        if accuracy is not None and len(accuracy) >= self.after:
            then = accuracy.between(-np.inf, turn)
            kept = bool(len(then)) and median(accuracy.value[-self.after :]) >= float(then.value[-1]) - self.tolerance
        tail = " The validation accuracy has not suffered: the network is over-confident." if kept else ""
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=Severity.INFO if kept else Severity.WARNING,
            first_step=turn,
            last_step=int(validation.step[-1]),
            summary=f"The validation loss was {low:.3g} at step {turn} and is {late:.3g} now, while the training loss went on falling.{tail}",
            evidence=(
                Evidence(
                    tag="loss/val",
                    observed=late,
                    high=(1 + self.rise) * low,
                    sentence=f"median of the last {self.after} evaluations {late:.3g}, {late - low:.2g} above the minimum",
                ),
                Evidence(
                    tag="loss/train",
                    observed=end,
                    sentence=f"the training loss went from {before:.3g} around step {turn} to {end:.3g}",
                ),
            ),
            remedies=(
                Remedy(
                    change=f"Stop early: keep the weights of step {turn} (patience of a few evaluations).",
                    expect="the validation loss of what is kept is the smallest of the run",
                ),
                Remedy(
                    change="More data or augmentation; weight decay (by orders of magnitude) or dropout where data is scarce.",
                    expect="the minimum of the validation loss comes later and lies lower",
                ),
                Remedy(
                    change="A smaller network, or pretrained layers with a small learning rate.",
                    expect="training and validation loss stay close to one another",
                ),
            ),
            notes=self.notes,
        )
