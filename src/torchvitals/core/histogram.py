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
        cumulative = np.cumsum(self.count) / total
        k = int(np.searchsorted(cumulative, share))
        k = min(k, len(self.count) - 1)
        before = cumulative[k - 1] if k else 0.0
        inside = (share - before) * total / self.count[k] if self.count[k] else 0.0
        return float(self.left[k] + (self.right[k] - self.left[k]) * min(max(inside, 0.0), 1.0))
