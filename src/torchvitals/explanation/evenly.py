"""An even choice of what is too much to show."""

from __future__ import annotations

import numpy as np


def evenly(total: int, most: int) -> list[int]:
    """At most `most` of `total` places: all, or `linspace(0, total - 1, most)`, rounded; the first and the last are among them.

    Example:
        >>> evenly(9, 3), evenly(3, 8), evenly(9, 1)
        ([0, 4, 8], [0, 1, 2], [0])
    """
    places = np.linspace(0, max(total - 1, 0), min(total, most)).round()
    return [int(place) for place in places]
