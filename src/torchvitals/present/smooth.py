"""Curves without their noise."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from torchvitals.core.series import Series


def smoothed(series: Series, weight: float) -> Series:
    """The exponential mean of a series, mᵢ = w·mᵢ₋₁ + (1 − w)·vᵢ, divided by 1 − wⁱ because it starts from nothing.

    Steps that are not finite stay what they are and leave the mean alone.

    Args:
        series: What to smooth; its length and steps stay.
        weight: w, of the past: 0 leaves the series as it is, towards 1 it stands still.

    Example:
        >>> from torchvitals.core.tag import Tag
        >>> loss = Series(tag=Tag.parse("loss"), step=np.arange(3), value=np.array([4.0, np.nan, 1.0]))
        >>> smoothed(loss, 0.5).value.tolist()
        [4.0, nan, 2.0]
    """
    mean, kept = 0.0, 1.0  # `kept`: what of the mean is still its empty start, wⁱ
    out = []
    for value in series.value.tolist():
        if math.isfinite(value):
            mean, kept = weight * mean + (1 - weight) * value, kept * weight
            value = mean / (1 - kept)
        out.append(value)
    return replace(series, value=np.array(out, dtype=np.float64))
