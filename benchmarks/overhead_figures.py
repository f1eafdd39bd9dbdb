"""What the pairs of one recorder on one network come to."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

PARTS = 10  # stretches of a measurement, by whose scatter the noise is judged
OFF, ON, OFF_WALL, ON_WALL = range(4)  # columns of a pair, all in seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Times are CPU time, or wall time where the work is done by another device."""

    pairs: int
    bare_ms: float  # median step of the training that is not recorded
    mean_ratio: float  # all recorded steps against all bare ones
    noise: float  # standard error of that ratio
    median_ratio: float
    wall_ratio: float  # as `mean_ratio`, wall time
    p95: float  # 95th percentile of the recorded steps over their median
    median_us: float  # what the median step has in addition, in µs
    mb: float  # MB (10⁶ bytes) a thousand steps on the disk
    start_s: float | None  # what a start that no budget counts has cost; None: there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Why there are none."""

    reason: str


def figures(measured: dict[str, Any], *, steps_a_pair: int = 1) -> Figures:
    """Of what a measuring process has printed.

    Example:
        >>> pairs = [(0.001, 0.001, 0.002, 0.002)] * 9 + [(0.001, 0.003, 0.002, 0.004)]
        >>> found = figures({"pairs": pairs, "bytes": 50_000, "start_s": None})
        >>> round(found.mean_ratio, 3), round(found.median_ratio, 3), round(found.wall_ratio, 3), found.mb
        (1.2, 1.0, 1.1, 5.0)
    """
    pairs: Sequence[Sequence[float]] = measured["pairs"]
    off, on, off_wall, on_wall = zip(*pairs, strict=True)
    bare_s, median_s = statistics.median(off), statistics.median(on)
    return Figures(
        pairs=len(pairs) * steps_a_pair,
        bare_ms=1e3 * bare_s,
        mean_ratio=sum(on) / sum(off),
        noise=noise(pairs),
        median_ratio=median_s / bare_s,
        wall_ratio=sum(on_wall) / sum(off_wall),
        p95=sorted(on)[int(0.95 * (len(on) - 1))] / median_s,
        median_us=1e6 * (median_s - bare_s),
        mb=measured["bytes"] / 1e6 / (len(pairs) * steps_a_pair) * 1000,
        start_s=measured["start_s"],
    )


def noise(pairs: Sequence[Sequence[float]]) -> float:
    """Standard error of the mean ratio: the scatter of the ratios of ten stretches, over √10."""
    length = max(len(pairs) // PARTS, 1)
    stretches = [pairs[first : first + length] for first in range(0, len(pairs) - length + 1, length)]
    ratios = [sum(p[ON] for p in stretch) / sum(p[OFF] for p in stretch) for stretch in stretches]
    return statistics.stdev(ratios) / len(ratios) ** 0.5 if len(ratios) > 1 else float("nan")
