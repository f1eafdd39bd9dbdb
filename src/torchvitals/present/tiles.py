"""Many small pictures as one array with gaps: one picture is lighter than a panel for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
GAP = 1  # pixels between tiles
SQUARE = 64  # features from which on a square number of them is taken for a picture
FLATTEST = 6  # a tile that is flatter, or slimmer, than 1 : 6 is stretched, else it would be a line


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tiles:
    """Tiles row by row, with gaps of NaN. Shapes: `pixels` (H, W), or (H, W, 3) in colour; `x` (columns,), `y` (rows,)."""

    pixels: Array
    height: int  # of a tile
    width: int
    columns: int
    count: int

    @property
    def rows(self) -> int:
        """Rows of tiles."""
        return -(-self.count // self.columns)

    @property
    def x(self) -> Array:
        """The centre of each column of tiles."""
        return np.arange(self.columns, dtype=np.float64) * (self.width + GAP) + (self.width - 1) / 2

    @property
    def y(self) -> Array:
        """The centre of each row of tiles."""
        return np.arange(self.rows, dtype=np.float64) * (self.height + GAP) + (self.height - 1) / 2

    def box(self, place: int) -> tuple[float, float, float, float]:
        """Left, top, right and bottom edge of a tile."""
        row, column = divmod(place, self.columns)
        left, top = column * (self.width + GAP) - 0.5, row * (self.height + GAP) - 0.5
        return left, top, left + self.width, top + self.height


def lay_out(pictures: Sequence[Array], columns: int) -> Tiles:
    """Lay pictures of one shape, (h, w) or (h, w, 3), row by row with gaps between them.

    Raises:
        ValueError: there is no picture, or they differ in shape.
    """
    shapes = {p.shape for p in pictures}
    if len(shapes) != 1 or 0 in next(iter(shapes)):
        raise ValueError(f"tiles must be of one shape and not empty, but these are {sorted(shapes)}")
    stretched = [_stretched(p) for p in pictures]
    height, width = stretched[0].shape[:2]
    columns = max(1, min(columns, len(stretched)))
    rows = -(-len(stretched) // columns)
    size = (rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, *stretched[0].shape[2:])
    pixels = np.full(size, np.nan)
    for place, tile in enumerate(stretched):
        row, column = divmod(place, columns)
        top, left = row * (height + GAP), column * (width + GAP)
        pixels[top : top + height, left : left + width] = tile
    return Tiles(pixels=pixels, height=height, width=width, columns=columns, count=len(stretched))


def picture(values: Array, *, channel: int | None = None) -> Array:
    """One filter or sample as something to look at: (h, w), or (h, w, 3) for three channels of a picture.

    (C, H, W): colour when C is 3, else the channel named, else the one with the largest norm. (C, D, H, W): the middle
    slice of the depth. (C, L): channels are rows. (D,): a square when D is a square number, else a strip.
    """
    if values.ndim >= 4:
        while values.ndim > 3:
            values = values[:, values.shape[1] // 2]
    if values.ndim == 3:
        if channel is None and len(values) == 3:
            return np.moveaxis(values, 0, -1)
        return np.asarray(values[strongest(values) if channel is None else channel])
    if values.ndim == 2:
        return values
    side = int(np.sqrt(values.size))
    return values.reshape(side, side) if side * side == values.size else values.reshape(1, -1)


def folded(values: Array) -> Array:
    """Samples (N, D) with a square number of at least 64 features as pictures (N, 1, √D, √D); all others as they are.

    Networks without convolutions get their images flattened; fewer features are hardly ever an image.
    """
    if values.ndim != 2 or values.shape[1] < SQUARE:
        return values
    side = int(np.sqrt(values.shape[1]))
    return values.reshape(len(values), 1, side, side) if side * side == values.shape[1] else values


def strongest(values: Array) -> int:
    """Which channel of (C, …) has the largest norm; NaN counts as nothing."""
    with np.errstate(over="ignore"):
        energy = np.square(np.nan_to_num(values, posinf=0.0, neginf=0.0)).reshape(len(values), -1).sum(axis=1)
    return int(energy.argmax())


def robust_limit(values: Array, percent: float = 99.0) -> float:
    """What the colours end at: that percentile of the sizes, so that one outlier does not make all the rest pale."""
    sizes = np.abs(values[np.isfinite(values)])
    limit = float(np.percentile(sizes, percent)) if sizes.size else 0.0
    return limit or (float(sizes.max()) if sizes.size else 0.0) or 1.0


def resized(values: Array, height: int, width: int) -> Array:
    """A map (h, w), or a picture (h, w, 3), at another size, linear between the centres of its cells."""
    if values.shape[:2] == (height, width):
        return values
    if values.ndim == 3:
        return np.stack([resized(c, height, width) for c in np.moveaxis(values, -1, 0)], axis=-1)
    down = _between(values, height)
    return _between(down.T, width).T


def _between(values: Array, size: int) -> Array:
    """Rows (h, w) → (size, w)."""
    place = (np.arange(size) + 0.5) * len(values) / size - 0.5
    columns = [np.interp(place, np.arange(len(values)), column) for column in values.T]
    return np.stack(columns, axis=1)


def _stretched(tile: Array) -> Array:
    height, width = tile.shape[:2]
    if height * FLATTEST < width:
        return np.repeat(tile, -(-width // (FLATTEST * height)), axis=0)
    return np.repeat(tile, -(-height // (FLATTEST * width)), axis=1) if width * FLATTEST < height else tile
