"""Targets that the network makes itself, as joint-embedding losses compare two of its outputs."""

from __future__ import annotations

import math

from torchvitals.core.run import Run
from torchvitals.core.stats import median

POINTS = 10  # recorded steps below which nothing is said
SHRUNK = 0.01  # of their first variance, below which targets have collapsed: data keep theirs


def targets_shrink(run: Run) -> bool:
    """Whether the variance of the targets ends below 1 % of its start, as it does when all outputs move to one point."""
    variance = run.scalar("target_variance", "train")
    if variance is None or len(variance) < POINTS:
        return False
    tail = median(variance.value[-max(3, len(variance) // 10) :])
    return math.isfinite(tail) and tail < SHRUNK * median(variance.value[:3])
