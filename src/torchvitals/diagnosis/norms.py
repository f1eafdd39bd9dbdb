"""What the two modes of a network make of the same batch."""

from __future__ import annotations

import math

import numpy as np

from torchvitals.core.run import Run
from torchvitals.core.stats import median


def mode_gap(run: Run) -> float:
    """Loss of the probe batch in evaluation mode over that in training mode, median of the last half; NaN without a probe."""
    evaluated, trained = run.scalar("loss", "probe"), run.scalar("loss", "probe_train")
    if evaluated is None or trained is None:
        return math.nan
    _, at, there = np.intersect1d(evaluated.step, trained.step, return_indices=True)
    above = trained.value[there] > 0
    ratio = evaluated.value[at][above] / trained.value[there][above]
    return median(ratio[len(ratio) // 2 :])
