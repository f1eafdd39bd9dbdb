"""Fewer points, the same picture: what is extreme or not finite always stays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from torchvitals.core.series import Series

MAX_POINTS = 2000


def thin(series: Series, points: int = MAX_POINTS) -> Series:
    """At most about `points` points of a series; short series come back as they are."""
    if len(series) <= points:
        return series
    from tsdownsample import NaNMinMaxLTTBDownsampler  # keeps NaN, which the plain MinMaxLTTB drops

    x, y = np.ascontiguousarray(series.step), np.ascontiguousarray(series.value)
    keep = NaNMinMaxLTTBDownsampler().downsample(x, y, n_out=points)
    return Series(tag=series.tag, step=series.step[keep], value=series.value[keep], unit=series.unit)


def spans_decades(values: NDArray[np.float64], decades: float = 2.0) -> bool:
    """Whether the finite values are all positive and spread so far that only a log axis shows them."""
    finite = values[np.isfinite(values)]
    return bool(finite.size) and bool(finite.min() > 0) and bool(np.log10(finite.max()) - np.log10(finite.min()) > decades)
