"""learning-rate-too-low: the weights hardly move."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.stats import median, persistent
from torchvitals.diagnosis.gate import Learning, learning
from torchvitals.diagnosis.layers import update_ratios, weights
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningRateTooLow(Rule):
    """Every weight moves by less than a ten-thousandth of its size a step, and the loss stays where it was.

    What it sees:
        The measured relative update of the fastest weight, ‖Δw‖/‖w‖, in the first half of the recording, and a loss that has not
        left the trivial prediction.

    Why it matters:
        At a relative update of 1e-5 it takes a hundred thousand steps to change the weights once; training looks dead although
        the gradients are fine.

    Formula:
        ρ(t) = 95th percentile over weights of ‖Δw‖/‖w‖; found when ρ < 1e-4 in at least half of the steps of the first half and
        never above 1e-3 there, while the loss is above 90 % of the trivial one.

    When it is wrong:
        Fine-tuning starts from a good loss and is not judged stalled. Schedules decay at the end, so only the first half counts.
        Where the gradients themselves are zero, or the weights are outside the optimizer, other symptoms say so.

    What to do:
        Raise the learning rate by 3 to 10 until the update ratio is near 1e-3, or use an adaptive optimizer.

    References:
        Healthy medians of ρ over 51 small runs: 4e-4 to 9.8e-3. Notes S10.
    """

    code: ClassVar[str] = "TV502"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.LEARNING_RATE
    needs: ClassVar[tuple[str, ...]] = ("manifest", "update_ratio", "loss")
    min_steps: ClassVar[int] = 20
    gated: ClassVar[bool] = True
    explains: ClassVar[tuple[str, ...]] = (
        "loss-not-decreasing",
        "loss-plateau",
        "underfitting",
        "recurrent-gradient-decay",
        "representational-bottleneck",
    )
    notes: ClassVar[tuple[str, ...]] = ("S10",)
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="Adam at 1e-7",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-7)
            """,
        ),
        Case(
            name="SGD at 1e-6",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a schedule that decays to nothing",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
                scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=200)
            """,
        ),
    )

    update_ratio: float = 1e-4  # ‖Δw‖/‖w‖ of the fastest weights, below which nothing moves
    share: float = 0.5  # of the steps in which it must hold
    peak: float = 1e-3  # a single step above this shows that the learning rate is not what holds the weights still

    def check(self, run: Run) -> Outcome:
        """Look at the fastest weights of the first half, and at the loss."""
        layers = weights(run)
        steps, ratio = update_ratios(run, layers)
        early = steps <= (steps[-1] / 2 if steps.size else 0)
        fastest = np.array([np.nanpercentile(row, 95) for row in ratio[early] if np.isfinite(row).any()])
        if not fastest.size:
            return self.skip("no weight update was recorded")
        moved = median(fastest)
        state = learning(run)
        if not persistent(fastest < self.update_ratio, self.share) or fastest.max() > self.peak:
            return self.clean(f"update ratio of the fastest weights {moved:.2g}, healthy from {self.update_ratio:g}")
        if state.status in {"learning", "unknown"}:
            return self.clean(f"update ratio {moved:.2g} is low, but {state.sentence}")
        gradient = run.scalar("global_grad_norm", "model")
        if gradient is not None and not median(gradient.value) > 0:
            return self.clean("the gradients are zero; the learning rate is not what holds the weights still")
        return (self._finding(run, steps, moved, state),)

    def _finding(self, run: Run, steps: np.ndarray, moved: float, state: Learning) -> Finding:
        rates = run.scalar("learning_rate", "group0")
        rate = median(rates.value) if rates is not None else math.nan
        heaviest = max(weights(run), key=lambda p: p.size)
        used = f" at a learning rate of {rate:g}" if math.isfinite(rate) else ""
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=self.severity,
            first_step=int(steps[0]),
            last_step=int(steps[-1]),
            summary=f"Even the fastest weights move by only {moved:.1g} of their size a step{used}, and the loss stays.",
            evidence=(
                Evidence(
                    tag=f"update_ratio/{heaviest.name}",
                    observed=moved,
                    low=self.update_ratio,
                    high=3e-2,
                    unit="fraction",
                    sentence=f"‖Δw‖/‖w‖ of the fastest weights {moved:.2g}, healthy {self.update_ratio:g} to 3e-2",
                ),
                Evidence(tag="loss/train", observed=state.current, high=0.9 * state.reference, sentence=state.sentence),
            ),
            remedies=(
                Remedy(
                    change=_raise(rate, moved),
                    expect="the update ratio of most weights lies near 1e-3 and the loss starts to fall within tens of steps",
                ),
                Remedy(
                    change="Run a learning-rate range test: raise it from 1e-6 by 10 % a step and take a third of where the loss climbs.",
                    expect="the loss falls steeply over one to two decades of learning rates",
                ),
            ),
            notes=self.notes,
        )


def _raise(rate: float, moved: float) -> str:
    if not (rate > 0 and moved > 0):
        return "Set a learning rate above zero: nothing moves at all."
    power = 10.0 ** round(math.log10(1e-3 / moved))
    return f"Multiply the learning rate by {power:g} (to {rate * power:.1g}): the measured updates are that far from 1e-3."
