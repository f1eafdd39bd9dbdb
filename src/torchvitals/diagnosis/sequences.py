"""The gradient through time: its norm at every time step of a recurrent layer, or of a cell called step by step."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from torchvitals.core.run import Run
from torchvitals.core.series import VectorSeries

MEASURES = ("sequence_grad_norm", "state_grad_norm")  # of the inputs of a layer, of the states of a cell
GONE = 0.01  # of the largest norm, as the instrument of the memory horizon counts it
Norms = NDArray[np.float64]


def gradients_through_time(run: Run, *, least: int) -> dict[str, VectorSeries]:
    """The recorded norms (T,) of every recurrent module whose sequences have at least so many steps."""
    return {
        name: series
        for measure in MEASURES
        for name, series in run.vectors_by_subject(measure).items()
        if len(series) and len(series.value[-1]) >= least
    }


def horizon(norms: Norms) -> float:
    """Share of a sequence over which the gradient stays above 1 % of its largest, counted back from the last such step.

    NaN when all norms are zero or one is not finite. Steps after the last one above, as padding, are not counted.

    Example:
        >>> horizon(np.array([0.0, 0.001, 0.5, 1.0]))
        0.5
    """
    if not np.isfinite(norms).all() or not norms.max(initial=0.0) > 0:
        return math.nan
    above = norms > GONE * norms.max()
    last = int(np.flatnonzero(above)[-1])
    gone = np.flatnonzero(~above[:last])
    return 1.0 if not gone.size else (last - int(gone[-1])) / len(norms)


def growth(norms: Norms) -> tuple[float, float]:
    """Factor by which the gradient grows for each step back in time, and how straight that is on a log scale (R², 0 to 1).

    Zeros are left out; NaN when fewer than four norms are above zero.

    Example:
        >>> factor, straight = growth(np.array([8.0, 4.0, 2.0, 1.0]))
        >>> round(factor, 6), round(straight, 6)
        (2.0, 1.0)
    """
    usable = np.isfinite(norms) & (norms > 0)
    if usable.sum() < 4:
        return math.nan, math.nan
    back, logs = -np.flatnonzero(usable).astype(np.float64), np.log(norms[usable])
    slope, offset = np.polyfit(back, logs, 1)
    spread = float(np.sum((logs - logs.mean()) ** 2))
    rest = float(np.sum((logs - slope * back - offset) ** 2))
    return float(np.exp(slope)), 1 - rest / spread if spread > 0 else 0.0
