"""What a network has learned, as it stood at a step: the arrays of a run that pictures are made of."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from torchvitals.core.run import Run
from torchvitals.core.series import ImageSeries, Series, VectorSeries
from torchvitals.core.tag import Tag
from torchvitals.present.tiles import folded

Array = NDArray[np.float64]
MODEL = "model"  # the subject of what concerns the whole network
# Display only: a filter whose norm is below this share of the layer's median has, for the eye, no weights left.
DEAD_NORM = 1e-3
UNCHANGED = 0.01  # ‖w − w₀‖/‖w₀‖ below which a filter is, for the eye, the one that it began as


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Filters:
    """The filters of a layer at a step. Shapes: `weights` (F, C, *k), all others (F,)."""

    weights: Array
    index: NDArray[np.int64]  # which filter of the layer each is: large layers are thinned evenly in the log
    norm: Array  # ‖w‖
    activity: Array | None = None  # share of the probe positions where the output was above 0
    similarity: Array | None = None  # largest |cosine| to another filter
    change: Array | None = None  # ‖w − w₀‖/‖w₀‖

    @property
    def broken(self) -> NDArray[np.bool_]:
        """Filters that hold NaN or an infinity."""
        return np.asarray(~np.isfinite(self.weights.reshape(len(self.weights), -1)).all(axis=1))

    @property
    def unchanged(self) -> float | None:
        """Share of the filters that are as they began; None when that was not recorded."""
        known = self.change[np.isfinite(self.change)] if self.change is not None else np.empty(0)
        return float((known < UNCHANGED).mean()) if known.size else None

    @property
    def dead(self) -> NDArray[np.bool_]:
        """Never above 0 on the probe, or without weights to speak of."""
        finite = self.norm[np.isfinite(self.norm)]
        middle = float(np.median(finite)) if finite.size else 0.0
        dead = self.norm <= DEAD_NORM * middle
        return np.asarray(dead if self.activity is None else dead | (self.activity == 0))


def filters_at(run: Run, layer: str, step: int) -> Filters | None:
    """The filters of a layer at the step, or at the last look before it; None when there was none."""
    weights = tensor_at(run, "filter_weights", layer, step)
    if weights is None or not weights.size:
        return None
    vectors = {m: vector_at(run, f"filter_{m}", layer, step) for m in ("norm", "activity", "similarity", "change")}
    total = max([len(weights), *(len(v) for v in vectors.values() if v is not None)])
    index = thinned(total, len(weights))
    norm, activity, similarity, change = (_at_places(v, total, index) for v in vectors.values())
    with np.errstate(over="ignore", invalid="ignore"):
        drawn = np.sqrt(np.square(weights.reshape(len(weights), -1)).sum(axis=1))
    norm = drawn if norm is None else np.where(np.isnan(norm), drawn, norm)
    return Filters(weights=weights, index=index, norm=norm, activity=activity, similarity=similarity, change=change)


def thinned(total: int, kept: int) -> NDArray[np.int64]:
    """Which of `total` filters an even choice of `kept` holds.

    Example:
        >>> thinned(9, 3).tolist(), thinned(3, 3).tolist()
        ([0, 4, 8], [0, 1, 2])
    """
    return np.linspace(0, max(total - 1, 0), kept).round().astype(np.int64)


def _at_places(vector: Array | None, total: int, index: NDArray[np.int64]) -> Array | None:
    """A vector of evenly chosen filters at those of `index`; NaN where it does not hold one."""
    if vector is None:
        return None
    everywhere = np.full(total, np.nan)
    everywhere[thinned(total, len(vector))] = vector
    return everywhere[index]


def as_pictures(run: Run, values: Array | None) -> Array | None:
    """Flattened images as pictures, see `tiles.folded`; a row of tokens is none, however long."""
    return values if values is None or has_tokens(run) else folded(values)


def has_tokens(run: Run) -> bool:
    """Whether the network has an embedding, so that rows of numbers are rows of tokens."""
    return run.manifest is not None and any(m.kind == "Embedding" for m in run.manifest.modules)


def subjects(run: Run, measure: str) -> list[str]:
    """The layers a tensor or image measure was taken of, in forward order where the manifest knows it."""
    found = {t.subject for t in (*run.tensors, *run.images) if t.measure == measure and t.subject}
    known = [m.name for m in run.manifest.modules] if run.manifest else []
    rank = {name: i for i, name in enumerate(known)}
    return sorted(found, key=lambda n: (rank.get(n, rank.get(n.partition("#")[0], len(rank))), n))


def looks(run: Run, measures: Collection[str]) -> list[int]:
    """The steps at which any of the measures was taken as a vector, tensor or image, ascending."""
    groups = (run.vectors, run.tensors, run.images)
    steps = [s.step for group in groups for t, s in group.items() if t.measure in measures and len(s)]
    return [int(s) for s in np.unique(np.concatenate(steps))] if steps else []


def tensor_at(run: Run, measure: str, subject: str, step: int) -> Array | None:
    """A tensor at the step, or at the last look before it; None when there was none."""
    return _array_at(run.tensors.get(Tag(measure=measure, subject=subject)), step)


def vector_at(run: Run, measure: str, subject: str, step: int) -> Array | None:
    """A vector at the step, or at the last look before it; None when there was none."""
    return _array_at(run.vectors.get(Tag(measure=measure, subject=subject)), step)


def scalar_at(run: Run, measure: str, subject: str, step: int) -> float | None:
    """A number at the step, or at the last look before it; None when there was none."""
    series = run.scalar(measure, subject)
    place = _place(series, step)
    return None if series is None or place is None else float(series.value[place])


def image_at(run: Run, measure: str, subject: str, step: int) -> bytes | None:
    """An encoded image at the step, or at the last look before it; None when there was none."""
    series = run.images.get(Tag(measure=measure, subject=subject))
    place = _place(series, step)
    return None if series is None or place is None else series.value[place]


def _array_at(series: VectorSeries | None, step: int) -> Array | None:
    place = _place(series, step)
    return None if series is None or place is None else np.asarray(series.value[place], dtype=np.float64)


def _place(series: Series | VectorSeries | ImageSeries | None, step: int) -> int | None:
    if series is None:
        return None
    place = int(np.searchsorted(series.step, step, side="right")) - 1
    return place if place >= 0 else None
