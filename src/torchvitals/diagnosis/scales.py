"""How large the activations of the hidden layers are, from the first to the last, step by step."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from torchvitals.core.manifest import Manifest
from torchvitals.core.run import Run
from torchvitals.diagnosis.layers import EMBEDDINGS

LAYERS = 3  # hidden layers below which a trend from layer to layer is no more than one step
ONE_WAY = 2 / 3  # of the layers that must go the way the whole goes: normalised networks go up and down
Matrix = NDArray[np.float64]


def hidden_scales(run: Run) -> tuple[tuple[str, ...], NDArray[np.int64], Matrix]:
    """Standard deviation of what the hidden weight layers put out: names (L,), steps (S,) and values (S, L).

    The last weight layer is left out: a head may start at zero, and its logits may grow. Only the steps at which every layer
    was measured are given.
    """
    names = hidden_weight_layers(run.manifest) if run.manifest is not None else ()
    series = {n: s for n in names if (s := run.scalar("activation_std", n)) is not None and len(s)}
    if not series:
        return (), np.empty(0, dtype=np.int64), np.empty((0, 0))
    steps = next(iter(series.values())).step
    for s in series.values():
        steps = np.intersect1d(steps, s.step)
    columns = [s.value[np.isin(s.step, steps)] for s in series.values()]
    return tuple(series), steps, np.stack(columns, axis=1)


def hidden_weight_layers(manifest: Manifest) -> tuple[str, ...]:
    """Modules with a weight of two dimensions or more, in forward order, without embeddings and without the last of them."""
    weighted = {p.module for p in manifest.parameters if len(p.shape) >= 2}
    names = [m.name for m in manifest.modules if m.fired and m.name in weighted and m.kind not in EMBEDDINGS]
    return tuple(names[:-1])


def depth_ratio(scales: NDArray[np.float64]) -> float:
    """std_L/std_1 of one step (L,) where most layers go that way; 1 where they do not, NaN where there is nothing to compare.

    Example:
        >>> depth_ratio(np.array([1.0, 0.1, 0.01, 0.001]))
        0.001
    """
    if len(scales) < LAYERS or not (np.isfinite(scales).all() and (scales > 0).all()):
        return math.nan
    ratio = float(scales[-1] / scales[0])
    alike = np.sign(np.diff(np.log(scales))) == np.sign(math.log(ratio))
    return ratio if alike.mean() >= ONE_WAY else 1.0


def share_of_steps(mask: NDArray[np.bool_], steps: NDArray[np.int64]) -> float:
    """Share of the steps in which a condition held; what was not recorded counts like the recorded step before it.

    The first steps are recorded densely, so that a share of the records would be one of the beginning.

    Example:
        >>> share_of_steps(np.array([False, False, True]), np.array([0, 1, 10]))
        0.47368421052631576
    """
    if not mask.size:
        return 0.0
    gaps = np.diff(steps)
    weights = np.append(gaps, gaps.max(initial=1)).astype(np.float64)  # the last one stands for as long as the longest
    return float(weights[mask].sum() / weights.sum())


def times(ratio: float) -> str:
    """A ratio as people say it: `shrinks 250-fold`, `grows 1,200-fold`."""
    verb, factor = ("shrinks", 1 / ratio) if ratio < 1 else ("grows", ratio)
    return f"{verb} {float(f'{factor:.2g}'):,.0f}-fold"
