"""Where each feature of the input lies over all recorded steps together, as rules about the data look at it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from torchvitals.core.run import Run

Values = NDArray[np.float64]


def feature_ranges(run: Run) -> tuple[Values, Values] | None:
    """Smallest and largest value of each of F ≤ 64 features over all recorded steps: (F,) and (F,).

    None when the inputs have no features that are numbers (token ids). Over all steps, because a feature that is seldom
    non-zero is constant in most batches.
    """
    low, high = (run.vectors_by_subject(f"input_feature_{end}").get("model") for end in ("min", "max"))
    if low is None or high is None or not len(low) or not len(high):
        return None
    lows, highs = low.matrix(), high.matrix()
    sound_lows, sound_highs = np.where(np.isfinite(lows), lows, np.inf), np.where(np.isfinite(highs), highs, -np.inf)
    smallest, largest = sound_lows.min(axis=0), sound_highs.max(axis=0)
    seen = smallest <= largest  # finite at some step
    return smallest[seen], largest[seen]


def samples_seen(run: Run) -> float:
    """Samples in the recorded batches together."""
    sizes = run.scalar("batch_size", "model")
    return float(np.nansum(sizes.value)) if sizes is not None else 0.0
