"""stalled-optimizer: Adagrad's steps have shrunk to nothing while the loss is still high."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.stats import first_true, median
from torchvitals.diagnosis.gate import Learning, learning
from torchvitals.diagnosis.layers import row_median, update_ratios, weights
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class StalledOptimizer(Rule):
    """Adagrad has summed up so many squared gradients that its steps are next to nothing, and the loss is still high.

    What it sees:
        How far the weights move at the learning rate in force, early and late in the run, and whether the loss has left the
        trivial prediction.

    Why it matters:
        Adagrad divides by the root of a sum that only grows. A few large gradients at the start, or a decay of the rate on top,
        and what is left is too small to go anywhere, while the learning-rate curve looks constant.

    Formula:
        ρ(t) = median over weights of ‖Δw‖/‖w‖. Found when ρ/η, which leaves schedules out, is in the last quarter below a tenth of
        that in the first recorded steps, ρ is below 1e-4 there, and the loss is above 90 % of the trivial one.

    When it is wrong:
        ρ falls as 1/√t by design, also in good health, so it is never the shrinking alone: the steps must be below the healthy
        band and the loss must not have left the trivial prediction. Sparse features keep their own, larger steps; the median
        weight decides. Optimizers that forget (RMSprop, Adam) are skipped.

    What to do:
        Use RMSprop or Adam, which forget old gradients, or restart Adagrad after the large gradients are over.

    References:
        Duchi, Hazan & Singer, Adaptive Subgradient Methods, 2011; Zeiler, ADADELTA, 2012, on the ever shrinking rate. The band
        of ‖Δw‖/‖w‖ over 51 healthy runs was 4e-4 to 9.8e-3. Notes S11, O3.
    """

    code: ClassVar[str] = "TV503"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.LEARNING_RATE
    needs: ClassVar[tuple[str, ...]] = ("manifest", "update_ratio", "learning_rate", "loss")
    min_steps: ClassVar[int] = 12
    gated: ClassVar[bool] = True
    explains: ClassVar[tuple[str, ...]] = (
        "learning-rate-too-low",
        "loss-not-decreasing",
        "loss-plateau",
        "underfitting",
        "recurrent-gradient-decay",
        "representational-bottleneck",
    )
    notes: ClassVar[tuple[str, ...]] = ("S11", "O3")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a rate that decays on top",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adagrad(model.parameters(), lr=0.005, lr_decay=1.0)
            """,
        ),
        Case(
            name="a few gradients a million times too large at the start",
            program="""
                model = mlp(depth=4, width=32, activation=nn.Tanh)
                optimizer = torch.optim.Adagrad(model.parameters(), lr=0.001)

                def train(vitals):
                    for i, (x, y) in enumerate(digits(200)):
                        optimizer.zero_grad()
                        loss = loss_fn(model(x + 0.1), y)
                        (1e6 * loss if i < 2 else loss).backward()
                        optimizer.step()
            """,
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="Adagrad on a task that suits it",
            program="""
                model = mlp(depth=2, activation=nn.ReLU)
                optimizer = torch.optim.Adagrad(model.parameters(), lr=0.02)
            """,
        ),
        Case(
            name="Adagrad under a schedule that ends at zero",
            program="""
                model = mlp(depth=1, activation=nn.Tanh)
                optimizer = torch.optim.Adagrad(model.parameters(), lr=0.05)
                scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=300)
            """,
        ),
    )

    shrunk: float = 0.1  # of the early steps at the same rate, below which they have shrunk; 1/√t is 0.1 after 100 steps
    update_ratio: float = 1e-4  # ‖Δw‖/‖w‖ of the median weight, the lower end of the healthy band

    def check(self, run: Run) -> Outcome:
        """Compare the last quarter with the first recorded steps."""
        assert run.manifest is not None
        if "Adagrad" not in run.manifest.optimizers:
            return self.skip(f"no Adagrad among the optimizers ({', '.join(run.manifest.optimizers) or 'none seen'})")
        steps, ratio, rate = self._steps(run)
        if steps.size < self.min_steps:
            return self.too_early(f"{steps.size} recorded steps at a learning rate above 0; {self.min_steps} are needed")
        late = steps >= steps[0] + 0.75 * (steps[-1] - steps[0])
        # The largest of the first three: an outsized gradient shrinks the very next step.
        left, moved = median((ratio / rate)[late]) / float((ratio / rate)[:3].max()), median(ratio[late])
        state = learning(run)
        if not (left < self.shrunk and moved < self.update_ratio and state.status == "stalled"):
            return self.clean(f"update ratio {moved:.2g} at the end, {left:.2g} of the early one at the same rate")
        return (self._finding(run, steps, ratio, left, state),)

    @staticmethod
    def _steps(run: Run) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """Steps (S,), ‖Δw‖/‖w‖ of the median weight and the learning rate η there; those with η = 0 are left out."""
        steps, ratio = update_ratios(run, [p for p in weights(run) if p.optimized])
        middle, series = row_median(ratio), run.scalar("learning_rate", "group0")
        if series is None or not np.array_equal(series.step, steps):
            return np.empty(0, dtype=np.int64), np.empty(0), np.empty(0)
        known = np.isfinite(middle) & (series.value > 0)
        return steps[known], middle[known], series.value[known]

    def _finding(self, run: Run, steps: NDArray[np.int64], ratio: NDArray[np.float64], left: float, state: Learning) -> Finding:
        heaviest = max((p for p in weights(run) if p.optimized), key=lambda p: p.size)
        moved = median(ratio[-max(3, len(ratio) // 4) :])
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=self.severity,
            first_step=first_true(ratio < self.update_ratio, steps) or 0,
            last_step=int(steps[-1]),
            summary=f"Adagrad's steps are down to {left:.1g} of what they were at the same learning rate, and {state.sentence}.",
            evidence=(
                Evidence(
                    tag=f"update_ratio/{heaviest.name}",
                    observed=moved,
                    low=self.update_ratio,
                    high=3e-2,
                    unit="fraction",
                    sentence=f"‖Δw‖/‖w‖ of the median weight {moved:.2g} at the end, healthy {self.update_ratio:g} to 3e-2",
                ),
                Evidence(tag="loss/train", observed=state.current, high=0.9 * state.reference, sentence=state.sentence),
            ),
            remedies=(
                Remedy(
                    change="Use RMSprop or Adam, which forget old gradients.",
                    expect="the update ratio stays near 1e-3 as long as the gradient does",
                ),
                Remedy(
                    change="With Adagrad: lr_decay=0, a larger learning rate, and no outsized gradients in the first steps (warm-up, clipping).",
                    expect="the update ratio falls no faster than the root of the number of steps",
                ),
            ),
            notes=self.notes,
        )
