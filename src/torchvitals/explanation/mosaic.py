"""Small grey or coloured pictures side by side, as one picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Pixels = NDArray[np.uint8]

GAP = 255  # white lines, one pixel wide, between the tiles
CLIPPED = 1.0  # per cent of the values at either end that do not take part in choosing the range
SIDE = 32  # pixels that the shorter side of a tile has at least; TensorBoard shows pictures as large as they are
LONGEST = 1024  # pixels of the whole, before tiles are enlarged no more


def mosaic(tiles: Array, *, columns: int, signed: bool = False) -> Pixels:
    """Tiles (M, h, w) or (M, h, w, 3), row after row, `columns` in each, with white lines one pixel wide between them.

    Returns:
        uint8 (H, W) or (H, W, 3). All tiles share one range, so that one in which nothing happens is flat. What is missing
        in the last row is white.
    """
    pixels = _enlarged(shades(tiles, signed=signed), columns)
    count, height, width = pixels.shape[:3]
    rows = -(-count // columns)
    whole = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1, *pixels.shape[3:]), GAP, dtype=np.uint8)
    for i, tile in enumerate(pixels):
        top, left = (i // columns) * (height + 1), (i % columns) * (width + 1)
        whole[top : top + height, left : left + width] = tile
    return whole


def shades(values: Array, *, signed: bool = False) -> Pixels:
    """Numbers of any shape as 0…255 over the range from their first to their 99th percentile.

    With `signed` the range is symmetric around zero, which becomes 128. What is not finite, or lies outside of the range, is as
    dark or as bright as its end; NaN is black.
    """
    finite = values[np.isfinite(values)].astype(np.float64)
    low, high = 0.0, 1.0
    if finite.size and signed:
        high = float(np.percentile(np.abs(finite), 100 - CLIPPED))
        low = -high
    elif finite.size:
        low, high = (float(v) for v in np.percentile(finite, (CLIPPED, 100 - CLIPPED)))
    if high <= low:  # all the same: the middle when signed, else black
        low, high = (low - 1, low + 1) if signed else (low, low + 1)
    # The bounds first: an infinity minus an infinity would be NaN, and float32 might overflow in the difference.
    bounded = np.clip(np.nan_to_num(values.astype(np.float64), nan=low, posinf=high, neginf=low), low, high)
    return np.asarray(np.floor((bounded - low) / (high - low) * 255 + 0.5), dtype=np.uint8)


def _enlarged(tiles: Pixels, columns: int) -> Pixels:
    """Each pixel repeated, a whole number of times."""
    count, height, width = tiles.shape[:3]
    rows = -(-count // columns)
    factor = max(1, -(-SIDE // min(height, width)))
    while factor > 1 and max(rows * (height * factor + 1), columns * (width * factor + 1)) > LONGEST:
        factor -= 1
    return tiles.repeat(factor, axis=1).repeat(factor, axis=2)
