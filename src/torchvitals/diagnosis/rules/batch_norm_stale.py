"""batch-norm-stale: running statistics that are far from the batches after many steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.stats import first_true, median, persistent
from torchvitals.diagnosis.norms import mode_gap
from torchvitals.diagnosis.rule import Case, Rule, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchNormStale(Rule):
    """The running mean and variance, with which evaluation normalises, are not those of the batches.

    What it sees:
        For every batch norm in training mode, the median over its channels of the distance of the running mean from the batch's
        mean, in standard deviations of the batch, and of the running variance over the batch's.

    Why it matters:
        Training uses the batch, evaluation the running statistics. Where these differ, `model.eval()` is another network than
        the one that was trained: the validation loss is bad although nothing is wrong with the weights.

    Formula:
        |μ_running − μ_batch|/σ_batch > 1 or σ²_running/σ²_batch outside [0.5, 2], in at least half of the recorded steps from
        step 50 on and in the last of them. 50 steps are five times 1/momentum of PyTorch's default 0.1: of the initial 0 and 1
        then 0.5 % are left. The distance is measured after the statistics have moved towards the batch, so it is
        (1 − momentum) times what evaluation saw before; that only hides, it never accuses.

    When it is wrong:
        Statistics over fewer than 16 values are noise and not judged (batch-norm-small-batch). Batch norms in evaluation mode
        (frozen on purpose) and without running statistics are not seen. With a small momentum the statistics may still be on
        their way in a short run; they are wrong until then all the same.

    What to do:
        Leave the momentum at 0.1 (the weight of the new batch), do not reset running statistics in the loop, or recalibrate them
        with a pass over the training data before evaluation.

    References:
        Ioffe & Szegedy 2015; Wu & Johnson, Rethinking "batch" in batch norm, 2021. From step 50 on 20 batch norms of six healthy
        runs had distances up to 0.23 and variance ratios of 0.89 to 1.02. A momentum of 0.001 made the loss in evaluation mode
        6.3 times that in training mode, healthy at most 1.54. Notes S27.
    """

    code: ClassVar[str] = "TV407"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.LOOP
    needs: ClassVar[tuple[str, ...]] = ("batch_norm_mean_drift", "batch_norm_variance_ratio", "batch_norm_samples")
    min_steps: ClassVar[int] = 3
    gated: ClassVar[bool] = False
    explains: ClassVar[tuple[str, ...]] = ("train-eval-gap", "label-noise", "overfitting")
    notes: ClassVar[tuple[str, ...]] = ("S27",)
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a momentum of 0.001",
            program="""
                model = nn.Sequential(
                    nn.Linear(64, 64), nn.BatchNorm1d(64, momentum=0.001), nn.ReLU(),
                    nn.Linear(64, 64), nn.BatchNorm1d(64, momentum=0.001), nn.ReLU(), nn.Linear(64, 10),
                )
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
            """,
            module="1",
        ),
        Case(
            name="running statistics reset in the loop",
            program="""
                model = nn.Sequential(
                    nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(288, 10),
                )
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

                def train(vitals):
                    for x, y in digits(200):
                        model[2].reset_running_stats()
                        optimizer.zero_grad()
                        loss_fn(model(x), y).backward()
                        optimizer.step()
            """,
            module="2",
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="the default momentum and inputs far from zero",
            program="""
                model = nn.Sequential(
                    nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(),
                    nn.Linear(64, 10),
                )
                optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
            """,
        ),
        Case(
            name="a frozen batch norm in evaluation mode",
            program="""
                model = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.BatchNorm1d(64), nn.Linear(64, 10))
                model[1].eval().requires_grad_(False)
                optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3)
            """,
        ),
    )

    drift: float = 1.0  # σ of the batch between the two means; at most 0.23 in good health
    ratio: float = 2.0  # of the variances, or one over it; 0.89 to 1.02 in good health
    settled: int = 50  # steps, 5/momentum of the default
    samples: int = 16  # values a channel below which the batch's own statistics are noise
    share: float = 0.5  # of the recorded steps from then on
    gap: float = 2.0  # probe loss in evaluation over training mode, from which it is critical

    def check(self, run: Run) -> Outcome:
        """Judge every batch norm that normalises over enough values."""
        judged = {name: found for name in run.by_subject("batch_norm_mean_drift") if len((found := self._late(run, name))[0])}
        if not judged:
            return self.skip(f"no batch norm with {self.samples} values a channel was measured after step {self.settled}")
        stale = {name: off for name, (_, drift, ratio) in judged.items() if self._lasts(off := self._off(drift, ratio))}
        if not stale:
            name = max(judged, key=lambda n: median(judged[n][1]))
            _, drift, ratio = judged[name]
            return self.clean(
                f"running mean at most {median(drift):.2g} σ from the batch's ({name}), up to {self.drift:g} is healthy;"
                f" its variance {median(ratio):.2g} of the batch's, {1 / self.ratio:g} to {self.ratio:g}"
            )
        return (self._finding(run, stale, *judged[next(iter(stale))]),)

    def _late(self, run: Run, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Steps, distances and variance ratios of one batch norm once it had time to settle."""
        drift, ratio, count = (
            run.scalar(m, name) for m in ("batch_norm_mean_drift", "batch_norm_variance_ratio", "batch_norm_samples")
        )
        nothing = np.empty(0, dtype=np.int64), np.empty(0), np.empty(0)
        if drift is None or ratio is None or count is None or not median(count.value) >= self.samples:
            return nothing
        steps = np.intersect1d(drift.step, ratio.step)
        steps = steps[steps >= drift.step[0] + self.settled]
        return steps, drift.value[np.isin(drift.step, steps)], ratio.value[np.isin(ratio.step, steps)]

    def _off(self, drift: np.ndarray, ratio: np.ndarray) -> np.ndarray:
        return np.asarray((drift > self.drift) | (ratio > self.ratio) | (ratio < 1 / self.ratio))

    def _lasts(self, off: np.ndarray) -> bool:
        return persistent(off, self.share) and bool(off[-1])

    def _finding(
        self, run: Run, stale: dict[str, np.ndarray], steps: np.ndarray, drift: np.ndarray, ratio: np.ndarray
    ) -> Finding:
        name, off = next(iter(stale.items()))
        gap = mode_gap(run)
        distance, times = median(drift[off]), median(ratio[off])
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=Severity.CRITICAL if gap > self.gap else Severity.WARNING,
            module=name,
            modules=tuple(stale),
            first_step=first_true(off, steps) or 0,
            last_step=int(steps[off][-1]),
            summary=f"{name} would evaluate with a mean {distance:.2g} σ off and {times:.2g} times the variance of its batches.",
            evidence=(
                Evidence(
                    tag=f"batch_norm_mean_drift/{name}",
                    observed=distance,
                    high=self.drift,
                    unit="σ",
                    sentence=f"running mean {distance:.2g} σ from the batch's (median channel), healthy below {self.drift:g}",
                ),
                Evidence(
                    tag=f"batch_norm_variance_ratio/{name}",
                    observed=times,
                    low=1 / self.ratio,
                    high=self.ratio,
                    unit="ratio",
                    sentence=f"running variance {times:.2g} times the batch's, healthy {1 / self.ratio:g} to {self.ratio:g}",
                ),
                *self._of_the_modes(gap),
            ),
            remedies=(
                Remedy(
                    change="Give batch norm its default momentum of 0.1, and do not reset its running statistics in the loop.",
                    expect="both measures are inside their bands 50 steps later",
                ),
                Remedy(
                    change="Or recalibrate before evaluation: reset_running_stats(), momentum=None, one pass in training mode.",
                    expect="the loss is the same in training and evaluation mode, within a factor of 1.5",
                ),
            ),
            notes=self.notes,
        )

    def _of_the_modes(self, gap: float) -> tuple[Evidence, ...]:
        """What the probe batch says, where there is one."""
        if math.isnan(gap):
            return ()
        words = f"loss of the probe batch in evaluation mode {gap:.2g} times that in training mode"
        return (Evidence(tag="loss/probe", observed=gap, high=self.gap, unit="ratio", sentence=words),)
