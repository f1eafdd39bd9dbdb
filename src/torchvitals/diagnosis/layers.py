"""The weights of a run, layer by layer, as rules about gradients and updates look at them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from torchvitals.core.manifest import ParameterInfo
from torchvitals.core.run import Run
from torchvitals.core.series import Series

EMBEDDINGS = frozenset({"Embedding", "EmbeddingBag"})
NEXT_TO_ZERO = 1e-3  # root mean square of a weight below which its relative change has no meaning
Matrix = NDArray[np.float64]


def weights(run: Run) -> tuple[ParameterInfo, ...]:
    """Trainable weight tensors in forward order.

    Left out: biases and norm parameters (their gradient may be zero by mathematics, their relative change is large from small
    beginnings), embeddings (most rows rest in most steps), and frozen tensors (the user's choice).
    """
    if run.manifest is None:
        return ()
    kinds = {m.name: m.kind for m in run.manifest.modules}
    fired = {m.name for m in run.manifest.modules if m.fired}
    return tuple(
        p
        for p in run.manifest.parameters
        if p.trainable and len(p.shape) >= 2 and kinds.get(p.module) not in EMBEDDINGS and (p.module in fired or not fired)
    )


def table(run: Run, measure: str, parameters: Sequence[ParameterInfo]) -> tuple[NDArray[np.int64], Matrix]:
    """A measure of several parameters side by side: steps (S,) and values (S, L), NaN where one was not recorded."""
    series = [run.scalar(measure, p.name) for p in parameters]
    present = [s.step for s in series if s is not None]
    steps = np.unique(np.concatenate(present)) if present else np.empty(0, dtype=np.int64)
    values = np.full((len(steps), len(parameters)), math.nan)
    for column, s in enumerate(series):
        if s is not None:
            values[np.searchsorted(steps, s.step), column] = s.value
    return steps, values


def gradient_rms(run: Run, parameters: Sequence[ParameterInfo]) -> tuple[NDArray[np.int64], Matrix]:
    """Root mean square of each weight's gradient, so that wide and narrow layers compare: steps (S,) and values (S, L)."""
    steps, norms = table(run, "grad_norm", parameters)
    return steps, norms / np.sqrt([p.size for p in parameters])


def update_ratios(run: Run, parameters: Sequence[ParameterInfo]) -> tuple[NDArray[np.int64], Matrix]:
    """‖Δw‖/‖w‖ of each weight: steps (S,) and values (S, L), NaN while a weight is so small that any change is a large one."""
    steps, ratio = table(run, "update_ratio", parameters)
    weighed, norm = table(run, "weight_norm", parameters)
    if np.array_equal(steps, weighed):
        ratio = np.where(norm > NEXT_TO_ZERO * np.sqrt([p.size for p in parameters]), ratio, math.nan)
    return steps, np.where(np.isfinite(ratio), ratio, math.nan)


def after_warmup(steps: NDArray[np.int64], warmup: int) -> NDArray[np.bool_]:
    """The steps past the warm-up; all of them when the run is too short to have anything past it."""
    late = steps >= warmup
    return late if late.sum() >= 3 else np.ones(len(steps), dtype=bool)


def row_median(values: Matrix) -> NDArray[np.float64]:
    """Median of the finite values of each row; NaN for a row without one."""
    finite = np.isfinite(values)
    return np.array([np.median(row[keep]) if keep.any() else math.nan for row, keep in zip(values, finite, strict=True)])


def onset(series: Series, threshold: float) -> int | None:
    """The first step at which a series is above a threshold or not finite."""
    bad = ~np.isfinite(series.value) | (series.value > threshold)
    return int(series.step[np.argmax(bad)]) if bad.any() else None
