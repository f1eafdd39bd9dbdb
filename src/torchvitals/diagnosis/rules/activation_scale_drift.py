"""activation-scale-drift: activations whose scale runs away during training."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from torchvitals.core.finding import Evidence, Finding, Outcome, Remedy, Severity
from torchvitals.core.run import Run
from torchvitals.core.stats import first_true, median
from torchvitals.diagnosis.gate import learning
from torchvitals.diagnosis.layers import after_warmup
from torchvitals.diagnosis.rule import Case, Rule, Stage
from torchvitals.diagnosis.scales import Matrix, depth_ratio, hidden_scales, share_of_steps, times


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationScaleDrift(Rule):
    """The activations of hidden layers become a hundred times larger or smaller, through depth or over the steps.

    What it sees:
        The standard deviation of what the hidden weight layers put out: the last against the first at every step, and each
        layer against the range in which all of them were at the first step.

    Why it matters:
        A layer is tuned to the scale of what comes in. Where that moves by decades the layers behind it learn for inputs that
        will not come again; growing activations end in overflow, fading ones in a network that ignores its input.

    Formula:
        std_L/std_1 outside [0.01, 100] where two thirds of the layers go that way, or std(t) of a layer 100 times above the
        largest or below the smallest std of the first step; in at least half of the steps after warm-up, and of the last
        quarter of them.

    When it is wrong:
        The head is left out: its logits grow in good health. Layers that start at zero have
        no size to compare with. Normalised and residual networks show no trend through depth. If the run learns
        well it is info at most; where the first step was already out of the band, poor-weight-init is the cause.

    What to do:
        Find what multiplies: a gain that is never reset, a statistic that sums instead of averaging, residual sums without
        normalisation. Normalisation layers hold the scale.

    References:
        Healthy activation scales over 51 small runs: 0.05 to 5 over all layers and steps. He et al. 2015 for the product of gains
        through depth. Notes S8, C1b.
    """

    code: ClassVar[str] = "TV405"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.FLOW
    needs: ClassVar[tuple[str, ...]] = ("manifest", "activation_std")
    min_steps: ClassVar[int] = 5
    gated: ClassVar[bool] = True
    explains: ClassVar[tuple[str, ...]] = (
        "non-finite",
        "constant-output",
        "representation-collapse",
        "loss-divergence",
        "loss-plateau",
        "loss-not-decreasing",
    )
    notes: ClassVar[tuple[str, ...]] = ("S8", "C1b")
    sick: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a normaliser that sums its statistic instead of averaging it",
            program="""
                class Scale(nn.Module):
                    total = 0.0

                    def forward(self, x):
                        self.total = self.total + x.detach().std()
                        return x / self.total

                model = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
                for _ in range(3):
                    model += nn.Sequential(Scale(), nn.Linear(64, 64, bias=False), nn.ReLU())
                model += nn.Sequential(nn.Linear(64, 10))
                optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
            """,
        ),
        Case(
            name="a gain in a convolutional network that grows at every pass",
            program="""
                class Gain(nn.Module):
                    gain = 1.0

                    def forward(self, x):
                        self.gain *= 1.12
                        return x.view(-1, 1, 8, 8) * self.gain

                model = nn.Sequential(
                    Gain(), nn.Conv2d(1, 8, 3), nn.Tanh(), nn.Conv2d(8, 8, 3), nn.Tanh(), nn.Flatten(), nn.Linear(128, 10),
                )
                optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
                batches = digits(250)
            """,
            module="1",
        ),
    )
    healthy: ClassVar[tuple[Case, ...]] = (
        Case(
            name="a deep residual network",
            program="""
                class Block(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.norm, self.layer = nn.LayerNorm(64), nn.Linear(64, 64)

                    def forward(self, x):
                        return x + torch.relu(self.layer(self.norm(x)))

                model = nn.Sequential(*(Block() for _ in range(8)), nn.Linear(64, 10))
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
            """,
        ),
        Case(
            name="regression on large targets, where the last layers must grow",
            program="""
                model = mlp(depth=3, activation=nn.ReLU, outputs=1)
                loss_fn = nn.MSELoss()
                optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
                batches = [(x, 100 * x[:, 10:20].mean(1, keepdim=True)) for x, _ in digits(300)]
            """,
        ),
    )

    low: float = 1e-2  # of a standard deviation to that of the first layer, or of the first step
    high: float = 100.0  # likewise
    share: float = 0.5  # of the steps after warm-up in which it must hold
    warmup: int = 10  # steps not looked at, where there are later ones

    def check(self, run: Run) -> Outcome:
        """Judge the trend through depth, then every layer against itself."""
        names, steps, scales = hidden_scales(run)
        if len(steps) < self.min_steps:
            return self.skip("no hidden weight layer was measured in enough steps")
        depth = np.array([depth_ratio(row) for row in scales])
        over_time = _over_time(scales)
        judged = after_warmup(steps, self.warmup)
        if self._persists(depth[judged], steps[judged]):
            found = f"From {names[0]} to {names[-1]} the scale of the activations {times(median(depth[judged]))}."
            return (self._finding(run, found, names, len(names) - 1, steps, depth, scales),)
        for i in range(len(names)):
            if self._persists(over_time[judged, i], steps[judged]):
                found = f"Against all layers at the first step the scale of {names[i]} {times(median(over_time[judged, i]))}."
                return (self._finding(run, found, names, i, steps, over_time[:, i], scales),)
        moved = np.max(np.abs(np.log10(over_time[np.isfinite(over_time) & (over_time > 0)])), initial=0.0)
        trend = f"std_L/std_1 {median(depth):.2g}, healthy {self.low:g} to {self.high:g}; " if np.isfinite(depth).any() else ""
        return self.clean(
            f"{trend}no layer has left the scales of the first step by more than a factor of {10**moved:.2g}, up to {self.high:g} is healthy"
        )

    def _outside(self, ratio: np.ndarray) -> np.ndarray:
        return np.asarray(~np.isnan(ratio) & ((ratio < self.low) | (ratio > self.high)))

    def _persists(self, ratio: np.ndarray, steps: np.ndarray) -> bool:
        outside = self._outside(ratio)
        late = steps >= steps[0] + 0.75 * (steps[-1] - steps[0])
        return min(share_of_steps(outside, steps), share_of_steps(outside[late], steps[late])) >= self.share

    def _finding(
        self, run: Run, summary: str, names: tuple[str, ...], at: int, steps: np.ndarray, ratio: np.ndarray, scales: Matrix
    ) -> Finding:
        state, outside = learning(run), self._outside(ratio)
        first, last = float(scales[0, at]), float(scales[-1, at])
        return Finding(
            symptom=self.name(),
            code=self.code,
            severity=self.severity if state.status in {"stalled", "diverged"} else Severity.WARNING,
            module=names[at],
            modules=(names[at],),
            first_step=first_true(outside, steps) or 0,
            last_step=int(steps[outside][-1]),
            summary=summary,
            evidence=(
                Evidence(
                    tag=f"activation_std/{names[at]}",
                    observed=last,
                    sentence=f"standard deviation of {names[at]}: {first:.2g} at the first step, {last:.2g} at the last",
                ),
                Evidence(
                    tag="",
                    observed=median(ratio[outside]),
                    low=self.low,
                    high=self.high,
                    unit="ratio",
                    sentence=f"ratio {median(ratio[outside]):.2g} (median), outside the band in {outside.mean():.0%} of the steps",
                ),
            ),
            remedies=(
                Remedy(
                    change="Look for a factor that builds up: a gain or running statistic of the model's own, a sum over branches.",
                    expect="the activation scale of every layer stays within a decade over the steps",
                ),
                Remedy(
                    change="Put a normalisation layer before this one.",
                    expect="std_L/std_1 lies between 0.05 and 20 at every step",
                ),
            ),
            notes=self.notes,
        )


def _over_time(scales: Matrix) -> Matrix:
    """How far each layer lies outside the range of all layers at the first step, as a factor (S, L); 1 inside of it.

    The default initialisation lets deep layers begin small, and they then grow to the size of the first: 50-fold in good health.
    """
    start = scales[0][np.isfinite(scales[0]) & (scales[0] > 0)]
    if not start.size:
        return np.full_like(scales, math.nan)
    ratio: Matrix = scales / np.clip(scales, start.min(), start.max())
    return ratio
