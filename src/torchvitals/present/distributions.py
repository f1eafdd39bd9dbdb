"""Histograms of many steps on common edges, and an axis that shows both what is near zero and what is far from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchvitals.core.histogram import Histogram
from torchvitals.core.series import HistogramSeries, Steps
from torchvitals.present.theme import decade_label, format_value

Array = NDArray[np.float64]
MOST_STEPS = 200
MOST_EDGES = 420  # the recorder's half octaves are 243 edges; other tools' own edges differ from step to step
EVEN_BINS = 120  # what those are counted into instead
NEAR_ZERO = 3.0  # edges nearer to zero than this part of the typical size are merged: they hold next to nothing
LARGEST = 1e300  # open ends of other tools' histograms
MOST_SPAN = 1e60  # sizes that one axis can tell apart, largest over typical
ZERO_BIN = 2.0**-40  # the recorder counts what is nearer to zero as zero


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeAxis:
    """asinh(value / `typical`): even in the value up to the typical size, in its logarithm beyond, on both sides of zero."""

    typical: float

    def place(self, value: Any) -> Array:
        """Where values lie on the axis."""
        return np.arcsinh(np.asarray(value, dtype=np.float64) / self.typical)

    def ticks(self, low: float, high: float) -> dict[str, Any]:
        """Ticks between two places: even values when they are of one size, powers of ten otherwise, and zero."""
        values = self._even(low, high) if max(abs(low), abs(high)) < math.asinh(6) else self._decades(low, high)
        return {"tickvals": self.place(values).tolist(), "ticktext": [_label(v) for v in values]}

    def _even(self, low: float, high: float) -> list[float]:
        left, right = math.sinh(low) * self.typical, math.sinh(high) * self.typical
        raw = (right - left) / 7
        if not raw > 0:
            return [left]
        size = 10.0 ** math.floor(math.log10(raw))
        step = size * next(m for m in (1, 2, 5, 10) if m * size >= raw)
        return [step * i for i in range(math.ceil(left / step), math.floor(right / step) + 1)]

    def _decades(self, low: float, high: float) -> list[float]:
        found = [0.0] if low <= 0 <= high else []
        for sign, reach in ((1, high), (-1, -low)):
            if reach > 0:
                found += [sign * v for v in self._outward(math.sinh(min(reach, 690.0)) * self.typical)]
        return sorted(found)

    def _outward(self, end: float) -> list[float]:
        """Powers of ten from the typical size to the end, four at most; where there are hardly any, 3 · 10ᵏ between them."""
        first, last = math.ceil(math.log10(self.typical) - 1e-9), math.floor(math.log10(end) + 1e-9)
        powers = [10.0**e for e in range(last, first - 1, -max(1, -(-(last - first + 1) // 4)))]
        between = [3 * 10.0**e for e in range(first - 1, last + 1)] if len(powers) < 3 else []
        return powers + [v for v in between if self.typical <= v <= end]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Distributions:
    """Shapes: `step` (S,), `edge` (K+1,), `share` (S, K): the share of the finite values in each bin.

    A step on which nothing finite was counted is a row of NaN.
    """

    step: Steps
    edge: Array
    share: Array
    axis: SizeAxis

    @property
    def place(self) -> Array:
        """The edges on the axis, (K+1,)."""
        return self.axis.place(self.edge)

    @property
    def density(self) -> Array:
        """Share per length of axis, (S, K): bins of different widths side by side."""
        return self.share / np.diff(self.place)

    @property
    def empty(self) -> NDArray[np.bool_]:
        """Steps (S,) on which nothing finite was counted."""
        return np.asarray(np.isnan(self.share).any(axis=1))


def chosen_steps(series: HistogramSeries, most: int = MOST_STEPS, *, keep: int | None = None) -> NDArray[np.int64]:
    """Places in the series, evenly spread, first and last among them, and the one in force at step `keep`."""
    places = np.linspace(0, len(series) - 1, min(most, len(series))).round().astype(np.int64)
    if keep is not None:
        places = np.append(places, place_at(series, keep))
    return np.unique(places)


def place_at(series: HistogramSeries, step: int) -> int:
    """The place of the histogram at a step, or of the last one before it; the first when there is none before."""
    return max(0, int(np.searchsorted(series.step, step, side="right")) - 1)


def gather(series: HistogramSeries, most: int = MOST_STEPS, *, keep: int | None = None) -> Distributions | None:
    """The histograms of at most `most` steps on common edges; None when none holds a finite value that is not zero.

    The recorded edges are kept, but for those nearest to zero. Only where every step has edges of its own (logs of other
    tools) are the counts spread evenly inside their bins and counted anew.
    """
    places = chosen_steps(series, most, keep=keep)
    histograms = [series.value[int(i)] for i in places]
    filled = [h for h in histograms if h.total > 0 and math.isfinite(h.total)]
    if not filled or all(_is_zero(h) for h in filled):
        return None
    axis = SizeAxis(typical=_typical(filled))
    edge = _common_edges(filled, axis)
    share = np.array([_shares(h, edge) for h in histograms])
    return Distributions(step=series.step[places], edge=edge, share=share, axis=axis)


def why_nothing(series: HistogramSeries) -> str:
    """What to say of a series that `gather` makes nothing of."""
    if any(series.value[int(i)].total > 0 for i in chosen_steps(series)):
        return "Every recorded value is zero."
    return "No recorded step holds a finite value."


def near_zero(value: float) -> float:
    """A percentile, or 0 where it lies in the bin that the recorder counts zeros in."""
    return 0.0 if abs(value) <= ZERO_BIN else value


def bounded(histogram: Histogram) -> Histogram:
    """The same counts between edges that are finite numbers, which open ends of other tools' histograms are not."""
    left, right = _bounds(histogram)
    return Histogram(left=left, right=right, count=histogram.count)


def _is_zero(histogram: Histogram) -> bool:
    left, right = _bounds(histogram)
    held = histogram.count > 0
    return bool((np.maximum(np.abs(left[held]), np.abs(right[held])) <= ZERO_BIN).all())


def _shares(histogram: Histogram, edge: Array) -> Array:
    """The share of the counts between each pair of edges, (K,); exact where the histogram's own edges are among them."""
    total = histogram.total
    if not (total > 0 and math.isfinite(total)):
        return np.full(len(edge) - 1, np.nan)
    left, right = _bounds(histogram)
    below = np.interp(edge, np.append(left[:1], right), np.append(0.0, np.cumsum(histogram.count)) / total)
    return np.diff(below)


def _bounds(histogram: Histogram) -> tuple[Array, Array]:
    left, right = (np.clip(np.nan_to_num(b), -LARGEST, LARGEST) for b in (histogram.left, histogram.right))
    return left, right


def _typical(histograms: list[Histogram]) -> float:
    """The median size of the values at the start or in a quiet step, whichever is smaller.

    Quiet is the 10th percentile over the steps: a single outlying one would blow what is near zero out of proportion. The
    start counts because it is what the rest is compared with: it must not be a line at zero when the weights explode.
    """
    sizes = [s for h in histograms if (s := _median_size(h)) > 0]
    reach = float(max(max(np.abs(b).max() for b in _bounds(h)) for h in histograms)) or 1.0
    return max(min(sizes[0], float(np.quantile(sizes, 0.1))), reach / MOST_SPAN) if sizes else reach


def _median_size(histogram: Histogram) -> float:
    """Median size of the values outside the bin that holds zero; 0 when there are none."""
    left, right = _bounds(histogram)
    away = ((left > 0) | (right < 0)) & (histogram.count > 0)
    if not away.any():
        return 0.0
    size, count = np.maximum(np.abs(left[away]), np.abs(right[away])), histogram.count[away]
    order = np.argsort(size)
    half = np.searchsorted(np.cumsum(count[order]), count.sum() / 2)
    return float(size[order][min(int(half), len(size) - 1)])


def _common_edges(histograms: list[Histogram], axis: SizeAxis) -> Array:
    edges = []
    for histogram in histograms:
        left, right = _bounds(histogram)
        held = np.flatnonzero(histogram.count > 0)
        part = slice(held[0], held[-1] + 1)
        edges.append(np.append(left[part], right[part]))
    every = np.unique(np.concatenate(edges))
    low, high = float(every[0]), float(every[-1])
    if low == high:  # all of it is one value
        return np.array([low - axis.typical / 2, high + axis.typical / 2])
    if len(every) > MOST_EDGES:
        even = np.sinh(np.linspace(float(axis.place(low)), float(axis.place(high)), EVEN_BINS + 1)) * axis.typical
        return np.concatenate(([low], even[1:-1], [high]))
    kept = every[np.abs(every) >= axis.typical / NEAR_ZERO]
    return np.unique(np.concatenate(([low], kept, [high])))


def _label(value: float) -> str:
    if value == 0:
        return "0"
    exponent = math.log10(abs(value))
    power = abs(exponent - round(exponent)) < 1e-9 and abs(exponent) > 2.5
    text = decade_label(round(exponent)) if power else format_value(abs(value))
    return f"−{text}" if value < 0 else text
