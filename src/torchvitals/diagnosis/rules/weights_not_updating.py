"""weights-not-updating: parameters with a gradient that the optimizer leaves exactly where they are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.manifest import ParameterInfo
from torchvitals.core.run import Run
from torchvitals.core.stats import median
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.layers import EMBEDDINGS
from torchvitals.diagnosis.rule import Case, Rule, Stage
from torchvitals.diagnosis.wording import listed, modules_of


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsNotUpdating(Rule):
    """The optimizer steps, the gradient is there, and the parameters do not move at all.

    What it sees:
        The measured change of each parameter that an optimizer owns, beside its gradient and the learning rates in force.

    Why it matters:
        A change of exactly zero is not slow learning: the step is lost on its way. The loss of the run says only that nothing
        happens, or nothing at all when the other layers learn around it.

    Formula:
        requires_grad ∧ in an optimizer ∧ ‖g‖ > 0 ∧ ‖Δw‖ = 0 at every recorded step. The causes are told apart: a learning rate of
        0, or a step below the spacing of the numbers the weights are kept in.

    When it is wrong:
        A parameter without a gradient is zero-gradient's, one in no optimizer parameters-not-optimized's, one with
        requires_grad=False the user's choice. A single step at rate 0 opens many warm-ups, so that every recorded step must
        agree. Embeddings are left out. A group whose rate is held at 0 on purpose is reported, too: requires_grad=False says the
        same, and spares its backward pass.

    What to do:
        Look at the learning rate of every group, after the scheduler; then at the precision of the weights.

    References:
        torch.finfo: float32 rounds a relative change below 2⁻²⁴ = 6e-8 away. SageMaker Debugger's UnchangedTensor compares with
        a tolerance of 1e-5 instead, and so calls slow weights unchanged. Notes C2c.
    """

    code: ClassVar[str] = "TV304"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.LOOP
    needs: ClassVar[tuple[str, ...]] = ("manifest", "update_ratio", "grad_norm", "learning_rate")
    min_steps: ClassVar[int] = 5
    gated: ClassVar[bool] = False
    explains: ClassVar[tuple[str, ...]] = (
        "learning-rate-too-low",
        "loss-not-decreasing",
        "loss-plateau",
        "underfitting",
        "constant-output",
        "recurrent-gradient-decay",
        "representational-bottleneck",
    )
    notes: ClassVar[tuple[str, ...]] = ("C2c", "C2b")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a learning rate of zero",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=0.0)
            """,
        ),
        Case(
            name="a scheduler that rounds the rate down to zero",
            program="""
                model = nn.Sequential(
                    nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 10)
                )
                optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
                scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step // 1000)
                batches = digits(100)
            """,
        ),
        Case(
            name="steps below the spacing of float32",
            program="""
                model = mlp(depth=1, activation=nn.Tanh)
                optimizer = torch.optim.SGD(model.parameters(), lr=1e-13)
                batches = digits(100)
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a linear warm-up that starts at zero",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, step / 50))
            """,
        ),
        Case(
            name="an embedding most of whose rows rest, and a frozen layer",
            program="""
                model = nn.Sequential(
                    nn.Embedding(4000, 16), nn.Flatten(), nn.Linear(1024, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(),
                    nn.Linear(64, 10),
                )
                model[4].requires_grad_(False)
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                batches = [((x * 16).long(), y) for x, y in digits(200)]
            """,
        ),
    )

    spacing: float = 2.0**-24  # relative change that float32 rounds away: half its machine epsilon

    def check(self, run: Run) -> Outcome:
        """Look for parameters that stood still at every recorded step, and ask why."""
        assert run.manifest is not None
        kinds = {m.name: m.kind for m in run.manifest.modules}
        owned = [p for p in run.manifest.parameters if p.trainable and p.optimized and kinds.get(p.module) not in EMBEDDINGS]
        pulled = [p for p in owned if self._pulled(run, p)]
        if not pulled:
            return self.skip("no parameter of an optimizer had a gradient and a recorded update")
        stuck = [p for p in pulled if self._still(run, p)]
        if not stuck:
            return self.clean(f"all {len(pulled)} parameters with a gradient moved")
        return (self._finding(run, stuck, whole=len(stuck) == len(pulled)),)

    def _pulled(self, run: Run, parameter: ParameterInfo) -> bool:
        """Whether it had a gradient on most of the steps on which its update was recorded."""
        gradient, moved = run.scalar("grad_norm", parameter.name), run.scalar("update_ratio", parameter.name)
        if gradient is None or moved is None or len(moved) < self.min_steps:
            return False
        return float((gradient.value > 0).mean()) >= 0.5

    @staticmethod
    def _still(run: Run, parameter: ParameterInfo) -> bool:
        moved = run.scalar("update_ratio", parameter.name)
        return moved is not None and bool((moved.value == 0).all())

    def _finding(self, run: Run, stuck: list[ParameterInfo], *, whole: bool) -> Finding:
        cause, remedies = self._cause(run, stuck)
        largest = max(stuck, key=lambda p: p.size)
        gradient, moved = run.scalar("grad_norm", largest.name), run.scalar("update_ratio", largest.name)
        assert gradient is not None
        assert moved is not None
        observed, names = median(gradient.value), [p.name for p in stuck]
        which = "No parameter moves" if whole else f"{listed(names)} never move{'s' if len(names) == 1 else ''}"
        severity = Severity.WARNING if learning(run).well and not whole else Severity.CRITICAL
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=severity,
            module=None if whole else modules_of(names)[0],
            modules=() if whole else modules_of(names),
            first_step=int(moved.step[0]),
            last_step=int(moved.step[-1]),
            summary=f"{which}, although the gradient is there: {cause}.",
            evidence=(
                Evidence(
                    tag=f"update_ratio/{largest.name}",
                    observed=0.0,
                    low=1e-4,
                    high=3e-2,
                    unit="fraction",
                    sentence=f"‖Δw‖/‖w‖ of {largest.name} is exactly 0 at all {len(moved)} recorded steps",
                ),
                Evidence(
                    tag=f"grad_norm/{largest.name}",
                    observed=observed,
                    low=0.0,
                    sentence=f"its gradient norm is {observed:.2g} (median)",
                ),
                *(
                    Evidence(
                        tag=f"learning_rate/{group}", observed=rate, low=0.0, sentence=f"learning rate of {group}: {rate:g}"
                    )
                    for group, rate in list(_rates(run).items())[:2]
                ),
            ),
            remedies=remedies,
            notes=self.notes,
        )

    def _cause(self, run: Run, stuck: list[ParameterInfo]) -> tuple[str, tuple[Remedy, ...]]:
        """Why, in words, and what to do about that."""
        rates = _rates(run)
        zero = [group for group, rate in rates.items() if rate == 0]
        if zero:
            return f"a learning rate of 0 in {listed(zero)}", (
                Remedy(
                    change="Set the learning rate of that group above 0 (1e-3 for Adam, 1e-1 to 1e-2 for SGD is usual).",
                    expect="the update ratio of these parameters lies near 1e-3",
                ),
                Remedy(
                    change="Print scheduler.get_last_lr(): a factor computed with // or before the first step is often 0.",
                    expect="the learning-rate curve leaves 0 after the first steps",
                ),
            )
        relative = self._relative_step(run, stuck, max(rates.values(), default=math.nan))
        if relative < self.spacing or any(run.scalar("rounded_updates", p.name) is not None for p in stuck):
            return f"steps of about {relative:.1g} of a weight are rounded away", (
                Remedy(
                    change="Raise the learning rate until a step is 1e-3 of the weights.",
                    expect="the update ratio leaves 0 and lies near 1e-3",
                ),
                Remedy(
                    change="Keep the weights in float32 and use torch.autocast for the forward pass.",
                    expect="rounded_updates is no longer recorded and small steps add up",
                ),
            )
        return "the step is lost between gradient and weight", (
            Remedy(
                change="Check that the optimizer's step is not overridden, masked or undone, and that the gradients are not all NaN.",
                expect="the update ratio of these parameters leaves 0",
            ),
        )

    @staticmethod
    def _relative_step(run: Run, stuck: list[ParameterInfo], rate: float) -> float:
        """lr·‖g‖/‖w‖ of the parameter that it is largest for: what plain gradient descent would do."""
        steps = [math.nan]
        for p in stuck:
            gradient, weight = run.scalar("grad_norm", p.name), run.scalar("weight_norm", p.name)
            if gradient is not None and weight is not None and median(weight.value) > 0:
                steps.append(rate * median(gradient.value) / median(weight.value))
        return float(np.nanmax(steps)) if np.isfinite(steps).any() else math.nan


def _rates(run: Run) -> dict[str, float]:
    """The highest learning rate of each parameter group."""
    return {group: float(np.max(s.value)) for group, s in run.by_subject("learning_rate").items() if len(s)}
