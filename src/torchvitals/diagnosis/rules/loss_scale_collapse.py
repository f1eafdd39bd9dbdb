"""loss-scale-collapse: the gradient scaler of mixed precision keeps halving its factor."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.core.stats import median
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class LossScaleCollapse(Rule):
    """Gradients overflow whatever the scale is, so the scaler skips step after step and halves its factor below one.

    What it sees:
        The factor that the gradient scaler puts on the loss, and the optimizer steps that it skipped.

    Why it matters:
        A skipped step is a batch that teaches nothing. A factor below 1 makes small gradients smaller still, which is the
        opposite of what scaling is for: they vanish in float16. And an overflow that no factor cures is not one of scaling: some
        operation gives infinity or NaN by itself.

    Formula:
        s < 1 at the end (the last value, or the median of the last fifth), or more than 5 % of the steps after the first 100 skipped while s ends at
        less than a 16th of where it stood then.

    When it is wrong:
        The first dozens of skips are calibration: the scaler starts at 65536 and searches. A scaler with a short growth interval
        skips often for ever, but its factor does not sink: that is not found. Without a scaler, and with bfloat16, which needs
        none, the rule is skipped.

    What to do:
        Find the operation that overflows and run it in float32; then lower the learning rate or clip; bfloat16 needs no scaler.

    References:
        torch.amp.GradScaler: 65536 to begin with, × 0.5 at an overflow, × 2 after 2000 good steps: in good health one step in
        2000 is skipped. Micikevicius et al., Mixed Precision Training, 2018. Notes S2.
    """

    code: ClassVar[str] = "TV103"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.NUMERICS
    needs: ClassVar[tuple[str, ...]] = ("loss_scale", "skipped_steps")
    min_steps: ClassVar[int] = 5
    gated: ClassVar[bool] = False
    explains: ClassVar[tuple[str, ...]] = (
        "non-finite",
        "zero-gradient",
        "vanishing-gradient",
        "learning-rate-too-low",
        "loss-not-decreasing",
        "loss-plateau",
    )
    notes: ClassVar[tuple[str, ...]] = ("S2",)
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="the slope of a square root at zero, on every second batch",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
                scaler = torch.amp.GradScaler("cpu")

                def train(vitals):
                    for i, (x, y) in enumerate(digits(200)):
                        optimizer.zero_grad()
                        logits = model(x)
                        distance = (logits - logits.detach()).square().sum() if i % 2 else logits.square().mean()
                        scaler.scale(loss_fn(logits, y) + 1e-3 * distance.sqrt()).backward()
                        scaler.step(optimizer)
                        scaler.update()
            """,
        ),
        Case(
            name="a convolution whose gradient overflows on three batches of four",
            program="""
                model = nn.Sequential(
                    nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3), nn.Tanh(), nn.Flatten(), nn.Linear(288, 10)
                )
                optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
                scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)

                def train(vitals):
                    for i, (x, y) in enumerate(digits(240)):
                        optimizer.zero_grad()
                        scaler.scale(loss_fn(model(x), y)).backward()
                        if i % 4:
                            model[1].weight.grad.mul_(torch.inf)
                        scaler.step(optimizer)
                        scaler.update()
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a scaler that never overflows",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
                scaler = torch.amp.GradScaler("cpu")

                def train(vitals):
                    for x, y in digits(200):
                        optimizer.zero_grad()
                        scaler.scale(loss_fn(model(x), y)).backward()
                        scaler.step(optimizer)
                        scaler.update()
            """,
        ),
        Case(
            name="a scaler that grows so fast that it overflows again and again",
            program="""
                model = mlp(depth=2, activation=nn.Tanh)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
                scaler = torch.amp.GradScaler("cpu", init_scale=2.0**122, growth_interval=4)

                def train(vitals):
                    for x, y in digits(300):
                        optimizer.zero_grad()
                        scaler.scale(loss_fn(model(x), y)).backward()
                        scaler.step(optimizer)
                        scaler.update()
            """,
        ),
    )

    lowest: float = 1.0  # factor on the loss below which scaling does the opposite of what it is for
    skipped: float = 0.05  # share of the steps after the calibration; torch's own rhythm is 1 in 2000
    sunk: float = 1 / 16  # of the factor when the calibration was over: four halvings that nothing made good
    calibration: int = 100  # steps in which the scaler searches its factor

    def check(self, run: Run) -> Outcome:
        """Judge the first scaler."""
        scale, skips = run.scalar("loss_scale", "model"), run.scalar("skipped_steps", "model")
        if scale is None or skips is None or len(scale) < self.min_steps:
            return self.too_early("too few steps with a gradient scaler")
        # Below one already at the last look, after many skips in a row, or in the end on the whole.
        end = min(median(scale.value[-max(3, len(scale) // 5) :]), float(scale.value[-1]))
        rate, start = self._after_calibration(scale, skips)
        sinking = rate > self.skipped and end < self.sunk * start
        if not (end < self.lowest or sinking or not math.isfinite(end)):
            later = f", {rate:.1%} of the steps after the first {self.calibration} skipped" if math.isfinite(rate) else ""
            return self.clean(f"the factor on the loss ends at {end:g}, healthy from {self.lowest:g}{later}")
        return (self._finding(run, scale, skips, end),)

    def _after_calibration(self, scale: Series, skips: Series) -> tuple[float, float]:
        """Share of skipped steps after the calibration, and the factor when it was over; NaN for a run that ends before."""
        late = scale.step >= self.calibration
        if late.sum() < self.min_steps:
            return math.nan, math.nan
        count = float(skips.value[skips.step > scale.step[late][0]].sum())
        taken = float(scale.step[-1] - scale.step[late][0])  # steps that were taken: a skipped one is not counted
        return count / (count + taken), float(scale.value[late][0])

    def _finding(self, run: Run, scale: Series, skips: Series, end: float) -> Finding:
        total, fell = float(np.nansum(skips.value)), skips.value > 0
        first = int(skips.step[np.argmax(fell)]) if fell.any() else int(scale.step[0])
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=Severity.WARNING if learning(run).well else Severity.CRITICAL,
            first_step=first,
            last_step=int(scale.step[-1]),
            summary=f"The gradient scaler skipped at least {total:.0f} steps and its factor sank from {scale.value[0]:g} to {end:.2g}.",
            evidence=(
                Evidence(
                    tag="loss_scale/model",
                    observed=end,
                    low=self.lowest,
                    sentence=f"the factor on the loss went from {scale.value[0]:g} to {end:.2g}",
                ),
                Evidence(
                    tag="skipped_steps/model",
                    observed=total,
                    unit="steps",
                    sentence=f"at least {total:.0f} steps skipped beside {int(scale.step[-1] - scale.step[0]) + 1} that were taken",
                ),
            ),
            remedies=(
                Remedy(
                    change="Find the first operation whose gradient is infinite (torch.autograd.set_detect_anomaly) and guard it: "
                    "sqrt(x + eps), log(x + eps), no division by a norm that may be zero.",
                    expect="the factor on the loss stays level, with a doubling every 2000 steps",
                ),
                Remedy(
                    change="Run what overflows in float32 (torch.autocast(enabled=False)), or use bfloat16 and no scaler.",
                    expect="no skipped steps after the first hundred",
                ),
                Remedy(
                    change="If the gradient norm grows before the overflow, lower the learning rate by 3 to 10.",
                    expect="the global gradient norm stays level",
                ),
            ),
            notes=self.notes,
        )
