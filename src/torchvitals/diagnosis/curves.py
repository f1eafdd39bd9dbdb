"""Noisy curves as rules look at them: levels and noise that no single batch decides, windows in steps and not in points."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.core.stats import median

Values = NDArray[np.float64]
TO_STD = 1.4826  # a normal distribution's standard deviation over its median absolute deviation
OF_MEDIAN = 1.2533  # standard error of a median over that of the mean, √(π/2) for normal noise


def finite_loss(run: Run, split: str) -> Series | None:
    """The finite losses of a split; None when there are none."""
    series = run.scalar("loss", split)
    finite = None if series is None else series.finite()
    return finite if finite is not None and len(finite) else None


def adversarial(run: Run) -> bool:
    """Whether several optimizers play against one another, so that no loss has to fall and batches may differ by design."""
    return run.manifest is not None and len(run.manifest.optimizers) > 1


def latest(series: Series, share: float) -> Series:
    """The points of the last `share` of the steps between the first point and the last."""
    first, last = float(series.step[0]), float(series.step[-1])
    return series.between(last - share * (last - first), last)


def span(series: Series) -> int:
    """Steps from the first point to the last."""
    return int(series.step[-1] - series.step[0]) if len(series) else 0


def blocks(series: Series, count: int) -> tuple[Values, Values]:
    """Median of each of `count` equally long stretches of the steps, and its first step: (B,) and (B,), empty ones left out."""
    edges = np.linspace(float(series.step[0]), float(series.step[-1]) + 1, count + 1)
    place = np.clip(np.searchsorted(edges, series.step, side="right") - 1, 0, count - 1)
    held = np.unique(place)
    middles = np.array([median(series.value[place == i]) for i in held])
    starts = np.array([float(series.step[place == i][0]) for i in held])
    return middles, starts


def noise(values: Values) -> float:
    """Standard deviation of what changes from point to point, 1.4826·median|Δ|/√2; a trend does not count; 0 below 3 points."""
    return TO_STD * float(np.median(np.abs(np.diff(values)))) / math.sqrt(2) if len(values) >= 3 else 0.0


def error_of_median(values: Values) -> float:
    """Standard error of the median of noisy points, as `noise` tells it; 0 below 3 points."""
    return OF_MEDIAN * noise(values) / math.sqrt(max(len(values), 1))


def residuals(series: Series) -> Values:
    """The values without the straight line through the medians of both halves of the steps: a few far points do not tilt it."""
    middle = (float(series.step[0]) + float(series.step[-1])) / 2
    early = series.step <= middle
    if early.all():
        return np.asarray(series.value - median(series.value))
    (a, b), (s, t) = ([median(v[half]) for half in (early, ~early)] for v in (series.value, series.step.astype(float)))
    line = a + (series.step - s) * (b - a) / (t - s)
    return np.asarray(series.value - line)


def scatter(values: Values) -> float:
    """Standard deviation as the median absolute deviation tells it: a few far points do not count."""
    return TO_STD * float(np.median(np.abs(values - np.median(values))))


def batch_size(run: Run) -> float:
    """Samples in a typical batch; NaN when it was not recorded."""
    series = run.scalar("batch_size", "model")
    return median(series.value) if series is not None and len(series) else math.nan
