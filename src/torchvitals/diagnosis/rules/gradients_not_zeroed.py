"""gradients-not-zeroed: backward adds to the gradients of the step before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.stats import first_true, median, persistent
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientsNotZeroed(Rule):
    """The gradients of earlier steps are still there when backward starts, so every update repeats all former ones.

    What it sees:
        What `.grad` holds at the moment the first new gradient of an optimizer step arrives. Whether the loop clears it before
        the forward pass, before backward or after the step does not matter.

    Why it matters:
        The optimizer follows the sum of all gradients since the start: a momentum that never forgets. The gradient norm grows
        steadily and training becomes unstable.

    Formula:
        ‖grad already present‖ > 0 when the step's first backward pass reaches a parameter, in at least half of the recorded
        steps after the first.

    When it is wrong:
        Gradient accumulation over several backward passes is no fault: only the first pass of an optimizer step is looked at.
        With several optimizers (GANs) one network's backward may pass through the other; then the rule is skipped. Parameters
        outside the optimizer are not looked at.

    What to do:
        Call optimizer.zero_grad() once per optimizer step, before backward.

    References:
        Exact, so there is nothing to tune. Over 34 + 34 runs the cosine of successive gradients was at most 0.395 with and at
        least 0.987 without zero_grad(). Notes C2c.
    """

    code: ClassVar[str] = "TV302"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.LOOP
    needs: ClassVar[tuple[str, ...]] = ("manifest", "gradient_carryover")
    min_steps: ClassVar[int] = 4
    gated: ClassVar[bool] = False
    explains: ClassVar[tuple[str, ...]] = (
        "learning-rate-too-high",
        "exploding-gradient",
        "non-finite",
        "dead-relu",
        "dead-filters",
        "saturated-activation",
        "loss-not-decreasing",
        "noisy-filters",
        "constant-output",
        "representation-collapse",
        "loss-divergence",
        "loss-spike",
        "loss-oscillation",
        "loss-plateau",
        "attention-logit-growth",
        "activation-scale-drift",
        "recurrent-gradient-growth",
        "recurrent-gradient-decay",
        "representational-bottleneck",
    )
    notes: ClassVar[tuple[str, ...]] = ("C2c",)
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="no zero_grad()",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
                zero_grad = False
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="accumulation over four backward passes",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                accumulate = 4
            """,
        ),
        Case(
            name="gradients cleared in place, between forward and backward",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

                def train(vitals):
                    for x, y in digits(120):
                        loss = loss_fn(model(x), y)
                        optimizer.zero_grad(set_to_none=False)
                        loss.backward()
                        optimizer.step()
            """,
        ),
    )

    share: float = 0.5  # of the recorded steps after the first in which gradients were left over

    def check(self, run: Run) -> Outcome:
        """Look at what was there before the first backward pass of each step."""
        assert run.manifest is not None
        if len(run.manifest.optimizers) > 1:
            return self.skip("several optimizers: one network's backward may legitimately pass through another")
        left = run.scalar("gradient_carryover", "model")
        if left is None or not (left.step > 0).any():
            return self.skip("no backward pass after the first step was seen")
        later = left.between(1, np.inf)
        bad = ~(later.value <= 0)  # NaN left over is left over
        if not persistent(bad, self.share):
            return self.clean(f"gradients were zero when backward started in {1 - bad.mean():.0%} of the steps")
        state, observed = learning(run), median(later.value)
        return (
            Finding(
                symptom=self.name(),
                code=self.code,
                severity=Severity.WARNING if state.well else Severity.CRITICAL,
                first_step=first_true(bad, later.step) or 0,
                last_step=int(later.step[bad][-1]),
                summary="Backward adds to gradients left over from earlier steps; they are never cleared.",
                evidence=(
                    Evidence(
                        tag="gradient_carryover/model",
                        observed=observed,
                        low=0.0,
                        high=0.0,
                        sentence=f"norm {observed:.2g} (median) already in .grad when backward started, in {bad.mean():.0%} of the steps",
                    ),
                ),
                remedies=(
                    Remedy(
                        change="Call optimizer.zero_grad() in every step, before loss.backward().",
                        expect="gradient_carryover is exactly 0 and the global gradient norm no longer grows from step to step",
                    ),
                    Remedy(
                        change="If gradients are accumulated on purpose, clear them after the optimizer step that uses them.",
                        expect="gradient_carryover is 0 at the first backward pass of every optimizer step",
                    ),
                ),
                notes=self.notes,
            ),
        )
