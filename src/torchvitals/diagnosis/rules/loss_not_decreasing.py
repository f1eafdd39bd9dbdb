"""loss-not-decreasing: the loss never leaves what a constant prediction would reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.core.stats import median
from torchvitals.diagnosis.gate import FALL, Learning, learning
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class LossNotDecreasing(Rule):
    """The training loss does not get better than a prediction that ignores the input.

    What it sees:
        The training loss against the loss of the best constant prediction: the entropy of the labels for cross-entropy, the
        variance of the targets for squared error; the initial loss where neither is known.

    Why it matters:
        Until the loss is below that line, nothing has been learned, whatever the curve looks like.

    Formula:
        median of the last tenth of the recorded losses ≥ 0.9 · min(L_first, L_trivial), over a span of at least 50 steps. A
        loss that is 3 % below that line and lower in each quarter of its points than in the one before is on its way.

    When it is wrong:
        Tasks with a long plateau before they take off look like this until they do; give them time. Adversarial training (more
        than one optimizer) is skipped, because its losses are not meant to fall. A model that starts well below the trivial loss
        (fine-tuning) is not asked to fall further.

    What to do:
        This is a consequence: look for the cause among the other findings. If there is none, overfit a handful of samples; if that
        fails, suspect the program or the model, not the data.

    References:
        Of 51 healthy small runs none stayed above 0.9·min(L_first, L_trivial), of 36 faulty ones 19 did; SageMaker Debugger's
        LossNotDecreasing flagged all 51 healthy ones. Notes C2, S12, S14.
    """

    code: ClassVar[str] = "TV801"
    severity: ClassVar[Severity] = Severity.WARNING
    stage: ClassVar[Stage] = Stage.LOSS
    needs: ClassVar[tuple[str, ...]] = ("loss",)
    min_steps: ClassVar[int] = 10
    gated: ClassVar[bool] = True
    explains: ClassVar[tuple[str, ...]] = ()
    notes: ClassVar[tuple[str, ...]] = ("C2b", "S12", "S14", "O9")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="labels that have nothing to do with the inputs",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
                batches = [(x, torch.randint(0, 10, y.shape)) for x, y in digits(200)]
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a small network that learns",
            program="""
                model = mlp(depth=1, width=16, activation=nn.Tanh)
                optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
            """,
        ),
        Case(
            name="a network that has already learned",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                warm_up = torch.optim.Adam(model.parameters(), lr=3e-3)
                for x, y in digits(300):
                    warm_up.zero_grad()
                    nn.functional.cross_entropy(model(x), y).backward()
                    warm_up.step()
                optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
            """,
        ),
    )

    span: int = 50  # steps between the first and the last recorded loss, below which it is too early to say
    passed: float = 0.03  # of the line, by which a loss that still falls must be below it to be left alone

    def _on_its_way(self, loss: Series, state: Learning) -> bool:
        """Whether it has passed the line, if not by much, and falls without a rest."""
        # Quarters of the recorded points, not of the steps: towards its end a run may have been recorded thinly.
        quarters = [median(part) for part in np.array_split(loss.value, 4)]
        passed = state.current < state.reference - self.passed * abs(state.reference)
        return passed and bool((np.diff(quarters) < 0).all())

    def check(self, run: Run) -> Outcome:
        """Ask the learning gate."""
        loss = run.scalar("loss", "train")
        if loss is None:
            return self.skip("not measured: loss/train")
        if run.manifest is not None and len(run.manifest.optimizers) > 1:
            return self.skip("several optimizers: adversarial losses are not meant to fall")
        if len(loss) < self.min_steps or loss.step[-1] - loss.step[0] < self.span:
            return self.skip(
                f"{len(loss)} losses over {int(np.ptp(loss.step)) if len(loss) else 0} steps; {self.span} steps are needed"
            )
        state = learning(run)
        if state.status == "learning":
            return self.clean(state.sentence)
        if state.status == "unknown":
            return self.skip(state.sentence)
        if state.status == "stalled" and self._on_its_way(loss.finite(), state):
            return self.too_early(f"{state.sentence}, and it is still falling")
        return (
            Finding(
                symptom=self.name(),
                code=self.code,
                severity=self.severity,
                first_step=int(loss.step[0]),
                last_step=int(loss.step[-1]),
                summary=f"Nothing has been learned in {int(loss.step[-1]) + 1} steps: {state.sentence}.",
                evidence=(
                    Evidence(
                        tag="loss/train",
                        observed=state.current,
                        high=(1 - FALL) * state.reference,
                        sentence=state.sentence,
                    ),
                ),
                remedies=(
                    Remedy(
                        change="Treat the cause named among the findings first; this one follows from it.",
                        expect="the loss falls below the line of the constant prediction",
                    ),
                    Remedy(
                        change="Overfit 16 samples without augmentation, dropout or decay, for some hundred steps.",
                        expect="the loss goes to zero; if it does not, the fault is in the program or the model, not in the data",
                    ),
                    Remedy(
                        change="Look at a batch as the network gets it: do inputs and labels belong together, are they scaled?",
                        expect="pictures and labels match, inputs have mean near 0 and standard deviation near 1",
                    ),
                ),
                notes=self.notes,
            ),
        )
