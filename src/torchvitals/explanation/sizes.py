"""How much of an array goes into the log."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LIMIT_BYTES = 256 * 1024  # of one tensor of the log
SHOWN = 4  # samples that are worth a coarser picture

Array = NDArray[np.float32]


def within(array: Array) -> Array | None:
    """The first samples of (N, …), as many as 256 kB hold; None when not even one does.

    Where four pictures (N, C, H, W) would not fit, they are averaged over blocks of a whole number of pixels first.
    """
    array = np.ascontiguousarray(array, dtype=np.float32)
    if not array.size:
        return None
    if array.ndim == 4:
        array = averaged(array, _factor(array))
    samples = LIMIT_BYTES // array[0].nbytes
    return array[:samples] if samples else None


def averaged(array: Array, factor: int) -> Array:
    """Means over blocks of factor × factor pixels of (N, C, H, W); what is left over at the right and the bottom is cut off."""
    n, channels, height, width = array.shape
    h, w = height // factor, width // factor
    blocks = array[:, :, : h * factor, : w * factor].reshape(n, channels, h, factor, w, factor)
    return np.asarray(blocks.mean(axis=(3, 5)), dtype=np.float32)


def _factor(array: Array) -> int:
    samples = min(SHOWN, len(array))
    smallest = min(array.shape[2:])
    fits = (f for f in range(1, smallest + 1) if samples * array[0].nbytes / f**2 <= LIMIT_BYTES)
    return next(fits, 1)
