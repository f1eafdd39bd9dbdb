"""A histogram with explicit edges, as written into and read from a log."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Histogram:
    """Counts between edges; bins are contiguous and ordered, their widths free.

    Shapes: `left`, `right`, `count` are (K,) for K bins. Non-finite values are not in the bins; they are counted apart.

    Example:
        >>> h = Histogram.of([0.0, 1.0, 2.0], [3, 1])
        >>> h.total
        4.0
        >>> h.quantile(0.5)
        0.6666666666666666
    """

    left: Array
    right: Array
    count: Array
    sum_squares: float | None = None  # of the counted values themselves, where the log keeps it

    def __post_init__(self) -> None:
        for array in (self.left, self.right, self.count):
            array.setflags(write=False)

    @classmethod
    def of(cls, edges: object, count: object) -> Histogram:
        """Build from K+1 edges and K counts."""
        edge = np.array(edges, dtype=np.float64)
        return cls(left=edge[:-1].copy(), right=edge[1:].copy(), count=np.array(count, dtype=np.float64))

    @property
    def total(self) -> float:
        """How many values were counted."""
        return float(self.count.sum())

    def quantile(self, share: float) -> float:
        """The value below which a `share` of the counted values lies, linear inside a bin; NaN when nothing was counted."""
        total = self.count.sum()
        if not total > 0:
            return float("nan")
        filled = np.flatnonzero(self.count > 0)  # an empty bin at the edge holds no quantile, not even the zeroth
        count = self.count[filled]
        cumulative = np.cumsum(count) / total
        k = min(int(np.searchsorted(cumulative, share)), len(count) - 1)
        before = cumulative[k - 1] if k else 0.0
        inside = min(max((share - before) * total / count[k], 0.0), 1.0)
        left, right = self.left[filled[k]], self.right[filled[k]]
        return float(left + (right - left) * inside)
