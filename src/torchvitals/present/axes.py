"""Value axes of charts with several panels: linear or logarithmic, and the foot where what cannot be drawn is marked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from torchvitals.present.downsample import spans_decades
from torchvitals.present.theme import decade_label

Scale = Literal["auto", "linear", "log"]
MAX_TICKS = 6
LIMIT_LOG, LIMIT = 307.0, 1e307  # beyond, the padded end of the axis is no finite number any more
PAD = 0.08  # of the range, above and below the values


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueAxis:
    """The range of an axis; `low` and `high` are exponents of ten when it is logarithmic."""

    low: float
    high: float
    log: bool = False

    @property
    def foot(self) -> float:
        """The value at which marks stand that belong to no value, a little above the lower end."""
        place = self.low + 0.03 * (self.high - self.low)
        return float(10.0**place) if self.log else place

    def drawn(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The values with NaN, a gap, in place of what this axis cannot show."""
        shown = np.isfinite(values) & ((values > 0) | (not self.log))
        return np.where(shown, values, np.nan)

    def layout(self, *, fraction: bool = False) -> dict[str, Any]:
        """What Plotly is told of it; decades get ticks of their own, fractions are per cent."""
        told: dict[str, Any] = {"type": "log" if self.log else "linear", "range": [self.low, self.high]}
        if self.log:
            first, last = math.ceil(self.low), math.floor(self.high)
            exponents = range(first, last + 1, max(1, -(-(last - first + 1) // MAX_TICKS)))
            if len(exponents) >= 2:
                told |= {"tickvals": [10.0**e for e in exponents], "ticktext": [decade_label(e) for e in exponents]}
        elif fraction and self.high - self.low > 0.05:  # a shorter axis would repeat the same whole per cent
            told["tickformat"] = ".0%"
        return told | {"exponentformat": "power", "nticks": MAX_TICKS}


def value_axis(values: Sequence[NDArray[np.float64]], scale: Scale = "auto") -> ValueAxis:
    """An axis that holds every finite value; `auto` is logarithmic for values that are not negative and span decades.

    Example:
        >>> axis = value_axis([np.array([1e-6, 1e2]), np.array([0.0, np.nan])])
        >>> axis.log, axis.drawn(np.array([0.0, 5.0])).tolist()
        (True, [nan, 5.0])
        >>> value_axis([np.array([1.0, 3.0])]).log
        False
    """
    every = np.concatenate([np.asarray(v, dtype=np.float64) for v in values]) if values else np.empty(0)
    finite = every[np.isfinite(every)]
    positive = finite[finite > 0]
    log = positive.size > 0 and (scale == "log" or (scale == "auto" and not (finite < 0).any() and spans_decades(positive)))
    shown = np.log10(positive) if log else finite
    if not shown.size:
        return ValueAxis(low=0.0, high=1.0)
    low, high = float(shown.min()), float(shown.max())
    if low == high == 0 and not log:  # a line along the foot, not in the middle of negative numbers
        return ValueAxis(low=-PAD, high=1.0)
    pad = PAD * (high / 2 - low / 2) * 2 or (0.1 if log else 0.1 * abs(high) or 0.1)  # halved: a difference may overflow
    limit = LIMIT_LOG if log else LIMIT
    return ValueAxis(low=max(low - pad, -limit), high=min(high + pad, limit), log=log)
