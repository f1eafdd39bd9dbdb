"""The shape of a finding's evidence in a table cell."""

from __future__ import annotations

import numpy as np

from torchvitals.core.finding import Finding
from torchvitals.core.run import Run
from torchvitals.present.downsample import spans_decades
from torchvitals.present.figures.evidence import lines_of


def sparkline(run: Run, finding: Finding, points: int = 40) -> tuple[float, ...]:
    """At most `points` finite numbers; log10 of them when they span decades, else a spike would flatten the rest.

    Each is the value farthest from the median in its stretch of steps. Empty when no evidence is a series.
    """
    lines = next((found for e in finding.evidence if (found := lines_of(run, e.tag))), {})
    if not lines:
        return ()
    value = next(iter(lines.values())).finite().value
    if spans_decades(value):
        value = np.log10(value)
    if not value.size:
        return ()
    half = value / 2  # so that no difference or mean of large values overflows
    middle = np.median(half)
    stretches = np.array_split(value, min(points, len(value)))
    return tuple(float(part[np.argmax(np.abs(part / 2 - middle))]) for part in stretches)
