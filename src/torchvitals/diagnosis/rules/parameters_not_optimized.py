"""parameters-not-optimized: trainable parameters that no optimizer owns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.manifest import ParameterInfo
from torchvitals.core.run import Run
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class ParametersNotOptimized(Rule):
    """Parameters get a gradient but are in no optimizer, so they keep their random initial values.

    What it sees:
        The model's trainable parameters against the parameter groups of every optimizer that was passed or seen stepping; and
        that these parameters had a gradient and did not move.

    Why it matters:
        The layer stays random. The others learn around it, so the loss falls and nobody looks; accuracy is lost for good. Its
        gradient is also never cleared by optimizer.zero_grad() and grows from step to step.

    Formula:
        requires_grad ∧ not in any param_group ∧ ‖g‖ > 0 at some step ∧ ‖Δw‖ = 0 at every recorded step.

    When it is wrong:
        Parameters with requires_grad=False are the user's choice and are not reported; nor are those that never got a gradient,
        or that moved all the same because the loop updates them by hand.

    What to do:
        Build the optimizer after the model is complete, from model.parameters(), or add the group.

    References:
        A set difference, so there is nothing to tune. Notes C2c.
    """

    code: ClassVar[str] = "TV301"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.LOOP
    needs: ClassVar[tuple[str, ...]] = ("manifest", "grad_norm")
    min_steps: ClassVar[int] = 2
    whole: ClassVar[bool] = True
    gated: ClassVar[bool] = False
    explains: ClassVar[tuple[str, ...]] = (
        "loss-not-decreasing",
        "learning-rate-too-low",
        "exploding-gradient",
        "vanishing-gradient",
        "loss-plateau",
        "underfitting",
        "recurrent-gradient-decay",
        "representational-bottleneck",
    )
    notes: ClassVar[tuple[str, ...]] = ("C2c",)
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="the middle layer forgotten",
            program="""
                model = mlp(depth=3, activation=nn.ReLU)
                optimizer = torch.optim.Adam([*model[0].parameters(), *model[4:].parameters()], lr=1e-3)
            """,
            module="2",
        ),
        Case(
            name="the head replaced after the optimizer was built",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
                model[4] = nn.Linear(64, 10)
            """,
            module="4",
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a layer frozen on purpose",
            program="""
                model = mlp(depth=3, activation=nn.ReLU)
                model[0].requires_grad_(False)
                optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3)
            """,
        ),
    )

    def check(self, run: Run) -> Outcome:
        """Compare the model with its optimizers."""
        assert run.manifest is not None
        trainable = [p for p in run.manifest.parameters if p.trainable]
        if not run.manifest.optimizers:
            return self.skip("no optimizer was passed or seen stepping")
        missing = [p for p in trainable if not p.optimized and self._starved(run, p)]
        if not missing:
            return self.clean(f"all {len(trainable)} trainable parameters with a gradient are in an optimizer")
        return (self._finding(run, trainable, missing),)

    def _finding(self, run: Run, trainable: list[ParameterInfo], missing: list[ParameterInfo]) -> Finding:
        modules = tuple(dict.fromkeys(p.module or p.name for p in missing))
        largest = max(missing, key=lambda p: p.size)
        count, whole = sum(p.size for p in missing), sum(p.size for p in trainable)
        state = learning(run)
        gradient = run.scalar("grad_norm", largest.name)
        observed = float(np.nanmax(gradient.value)) if gradient is not None else float("nan")
        names = ", ".join(p.name for p in missing[:6]) + (f" and {len(missing) - 6} more" if len(missing) > 6 else "")
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=Severity.WARNING if state.well else Severity.CRITICAL,
            module=modules[0],
            modules=modules,
            first_step=int(run.steps[0]),
            last_step=int(run.steps[-1]),
            summary=f"{names}: in no optimizer, so {count / whole:.0%} of the trainable weights never change.",
            evidence=(
                Evidence(
                    tag=f"update_ratio/{largest.name}",
                    observed=0.0,
                    low=1e-4,
                    high=3e-2,
                    unit="fraction",
                    sentence=f"‖Δw‖/‖w‖ of {largest.name} is exactly 0 at every recorded step",
                ),
                Evidence(
                    tag=f"grad_norm/{largest.name}",
                    observed=observed,
                    sentence=f"although its gradient norm reaches {observed:.2g}",
                ),
            ),
            remedies=(
                Remedy(
                    change="Build the optimizer from model.parameters() after the last change to the model.",
                    expect="the update ratio of these parameters leaves 0 and lies near that of their neighbours",
                ),
                Remedy(
                    change=f"Or add them: optimizer.add_param_group({{'params': model.get_submodule({modules[0]!r}).parameters()}}).",
                    expect="their gradient norm no longer grows from step to step, because zero_grad() reaches it",
                ),
                Remedy(
                    change="If they are to stay fixed, say so: module.requires_grad_(False).",
                    expect="this finding is gone and backward gets cheaper",
                ),
            ),
            notes=self.notes,
        )

    @staticmethod
    def _starved(run: Run, parameter: ParameterInfo) -> bool:
        """Whether it had a gradient and yet never moved."""
        gradient, moved = run.scalar("grad_norm", parameter.name), run.scalar("update_ratio", parameter.name)
        had = gradient is not None and bool((gradient.value != 0).any())  # NaN counts: it was a gradient
        return had and (moved is None or not (moved.value > 0).any())
