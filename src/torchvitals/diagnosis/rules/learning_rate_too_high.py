"""learning-rate-too-high: each step moves the weights too far."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.stats import first_true, median, persistent
from torchvitals.diagnosis.gate import Learning, learning
from torchvitals.diagnosis.layers import after_warmup, row_median, update_ratios, weights
from torchvitals.diagnosis.rule import Case, Rule, Stage
from torchvitals.diagnosis.sound import collapse_step, sound


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningRateTooHigh(Rule):
    """The updates are too large for the weights: the loss fluctuates, climbs or ends in NaN.

    What it sees:
        The measured relative update of the weights, ‖Δw‖/‖w‖, and whether the loss pays for it. Measured, not lr·‖g‖/‖w‖: Adam,
        momentum, decay and schedulers are in it.

    Why it matters:
        A step that changes the weights by several per cent leaves the region in which its gradient was right; the next gradient
        is larger, and the loss jumps across the valley instead of going down into it.

    Formula:
        ρ(t) = median over weights of ‖Δw‖/‖w‖. Found when ρ > 0.03 in at least half of the steps after warm-up; or when ρ > 0.03
        at some step (0.09 in the warm-up) and the loss ends non-finite or above twice its start; or when ρ > 0.3 at some step, which throws the initial
        weights away, and the loss never leaves the trivial prediction.

    When it is wrong:
        The first steps of Adam move small weights by lr/RMS(w); they are skipped where there are later ones. Biases, norm
        parameters and tensors that start at zero are left out. A one-cycle peak is brief and does not persist. If the run learns
        well it is info at most.

    What to do:
        Divide the learning rate by 3 to 10; then warm-up, then a schedule that ends low.

    References:
        Healthy medians of ρ over 51 small runs: 4e-4 to 9.8e-3; the band [1e-4, 3e-2] flagged none of them, nor of 28 held out,
        and 26 of 36 faulty ones. The rule of thumb 1e-3 is from the CS231n notes. Notes S9.
    """

    code: ClassVar[str] = "TV501"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.LEARNING_RATE
    needs: ClassVar[tuple[str, ...]] = ("manifest", "update_ratio", "weight_norm", "loss")
    min_steps: ClassVar[int] = 2
    whole: ClassVar[bool] = True
    gated: ClassVar[bool] = True
    explains: ClassVar[tuple[str, ...]] = (
        "non-finite",
        "exploding-gradient",
        "vanishing-gradient",
        "dead-relu",
        "dead-filters",
        "saturated-activation",
        "loss-not-decreasing",
        "noisy-filters",
        "learning-rate-too-low",
        "weight-explosion",
        "gradient-spike",
        "excessive-clipping",
        "constant-output",
        "representation-collapse",
        "loss-divergence",
        "loss-spike",
        "loss-oscillation",
        "loss-plateau",
        "underfitting",
        "attention-logit-growth",
        "attention-collapse",
        "activation-scale-drift",
        "recurrent-gradient-growth",
        "recurrent-gradient-decay",
        "representational-bottleneck",
    )
    notes: ClassVar[tuple[str, ...]] = ("S9", "C1b")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="SGD at 50",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.SGD(model.parameters(), lr=50.0)
            """,
        ),
        Case(
            name="Adam at 1",
            program="""
                model = mlp(depth=3, activation=nn.Tanh)
                optimizer = torch.optim.Adam(model.parameters(), lr=1.0)
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="Adam at 1e-3",
            program="""
                model = mlp(depth=3, activation=nn.Tanh)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
            """,
        ),
        Case(
            name="SGD with momentum at 0.05",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
            """,
        ),
        Case(
            name="a one-cycle schedule with a high peak",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
                scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.02, total_steps=300)
            """,
        ),
    )

    update_ratio: float = 3e-2  # ‖Δw‖/‖w‖ of the median weight, above which a step is too long
    share: float = 0.5  # of the steps after warm-up in which it must hold
    warmup: int = 10  # steps not looked at, where there are later ones
    early: float = 3.0  # times that in the warm-up, before a divergence is put down to it
    leap: float = 0.3  # ‖Δw‖/‖w‖ of a single step that nothing of the initial weights survives
    climb: float = 2.0  # final loss over initial loss that counts as diverged

    def check(self, run: Run) -> Outcome:
        """Long steps that the loss did not survive, or long steps that persist."""
        before = sound(run)
        steps, ratio = self._ratios(before)
        if not steps.size:
            return self.skip("no weight update was recorded while the weights were finite")
        state, long_steps = learning(run), ratio > self.update_ratio
        late = after_warmup(steps, self.warmup)
        lost = state.status == "stalled" and bool((ratio > self.leap).any())
        # Adam's first steps reach 3 % in good health: they alone do not make a NaN the learning rate's doing.
        telling = ratio > np.where(steps >= self.warmup, self.update_ratio, self.early * self.update_ratio)
        if lost or (self._diverged(run, state) and telling.any()):
            return (self._finding(run, steps, ratio, long_steps, state, Severity.CRITICAL),)
        if persistent(long_steps[late], self.share):
            severity = Severity.WARNING if state.well else Severity.CRITICAL
            return (self._finding(run, steps, ratio, long_steps, state, severity),)
        return self.clean(f"update ratio {median(ratio[late]):.2g} (median), healthy up to {self.update_ratio:g}")

    def _ratios(self, run: Run) -> tuple[np.ndarray, np.ndarray]:
        """The median weight's update ratio at every step; tensors that are next to zero have no meaningful one."""
        steps, ratio = update_ratios(run, weights(run))
        middle = row_median(np.where(ratio > 0, ratio, math.nan))  # 0: frozen by omission, not slow
        return steps[np.isfinite(middle)], middle[np.isfinite(middle)]

    def _diverged(self, run: Run, state: Learning) -> bool:
        if state.status == "diverged" or collapse_step(run) is not None:
            return True
        loss = run.scalar("loss", "train")
        if loss is None or len(loss) < 2:
            return False
        initial, final = median(loss.value[:3]), median(loss.value[-max(3, len(loss) // 10) :])
        return not math.isfinite(final) or (initial > 0 and final > self.climb * initial)

    def _finding(
        self, run: Run, steps: np.ndarray, ratio: np.ndarray, long_steps: np.ndarray, state: Learning, severity: Severity
    ) -> Finding:
        rates = run.scalar("learning_rate", "group0")
        rate = float(rates.value.max()) if rates is not None and len(rates) else math.nan
        observed = median(ratio[long_steps])
        end = collapse_step(run)
        fate = f"; from step {end} on nothing is finite" if end is not None else ""
        heaviest = max(weights(run), key=lambda p: p.size)
        used = f" at a learning rate of {rate:g}" if math.isfinite(rate) else ""
        loss = run.scalar("loss", "train")
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=severity,
            first_step=first_true(long_steps, steps) or 0,
            last_step=int(steps[long_steps][-1]),
            summary=f"Each step changes the weights by {_times(observed)} their size{used}; healthy is below {self.update_ratio:.0%}{fate}.",
            evidence=(
                Evidence(
                    tag=f"update_ratio/{heaviest.name}",
                    observed=observed,
                    low=1e-4,
                    high=self.update_ratio,
                    unit="fraction",
                    sentence=f"‖Δw‖/‖w‖ of the median weight {observed:.2g}, healthy 1e-4 to {self.update_ratio:g}",
                ),
                Evidence(
                    tag="loss/train",
                    observed=float(loss.value[-1]) if loss is not None and len(loss) else math.nan,
                    high=state.reference if math.isfinite(state.reference) else None,
                    sentence=state.sentence,
                ),
            ),
            remedies=(
                Remedy(
                    change=f"{_divide(rate, observed)} Then refine by factors of 3.",
                    expect="the update ratio of most weights lies near 1e-3 and the loss falls from the first steps on",
                ),
                Remedy(
                    change="Warm the learning rate up over the first few hundred steps.",
                    expect="no jump of the loss or the gradient norm at the start",
                ),
                Remedy(
                    change="Clip the gradient norm as a safety belt, not as the cure.",
                    expect="single spikes of the gradient norm no longer show in the loss",
                ),
            ),
            notes=self.notes,
        )


def _times(ratio: float) -> str:
    return f"{ratio:.0%} of" if ratio < 1 else f"{ratio:.3g} times"


def _divide(rate: float, moved: float) -> str:
    """Towards an update ratio of 1e-3, in powers of ten."""
    power = 10.0 ** max(1, round(math.log10(moved / 1e-3))) if math.isfinite(moved) else 10.0
    return f"Divide the learning rate by {power:g}{f' (to {rate / power:.2g})' if math.isfinite(rate) else ''}."
