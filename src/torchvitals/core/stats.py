"""Small statistics of series that several rules and figures share. NaN is looked at first, everywhere."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def median(values: Array) -> float:
    """Median of the finite values; NaN when there is none, without a warning.

    Example:
        >>> median(np.array([1.0, np.nan, 3.0]))
        2.0
    """
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else math.nan


def persistent(mask: Mask, share: float) -> bool:
    """Whether a condition held in at least a `share` of the probes it was looked at in."""
    return bool(mask.size) and float(mask.mean()) >= share


def first_true(mask: Mask, step: NDArray[np.int64]) -> int | None:
    """The first step at which a condition held."""
    where = np.flatnonzero(mask)
    return int(step[where[0]]) if where.size else None


def smooth(values: Array, window: int) -> Array:
    """Trailing mean over `window` points (fewer at the start); the finite values only, NaN where there are none.

    Example:
        >>> smooth(np.array([4.0, 2.0, 0.0]), 2).tolist()
        [4.0, 3.0, 1.0]
    """
    finite = np.isfinite(values)
    sums = np.cumsum(np.where(finite, values, 0.0))
    counts = np.cumsum(finite)
    sums[window:], counts[window:] = sums[window:] - sums[:-window], counts[window:] - counts[:-window]
    means: Array = np.divide(sums, counts, out=np.full(len(values), np.nan), where=counts > 0)
    return means
