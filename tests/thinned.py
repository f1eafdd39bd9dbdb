"""Runs changed in ways that must not change a verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from torchvitals.core.run import Run
from torchvitals.core.series import HistogramSeries, Series, VectorSeries
from torchvitals.core.tag import Tag

Blobs = TypeVar("Blobs", VectorSeries, HistogramSeries)


def every(run: Run, n: int) -> Run:
    """The same run as if only every n-th step had been recorded."""
    return replace(
        run,
        scalars={t: _scalars(s, s.step % n == 0) for t, s in run.scalars.items()},
        vectors={t: _every(s, n) for t, s in run.vectors.items()},
        histograms={t: _every(s, n) for t, s in run.histograms.items()},
    )


def with_constants(run: Run) -> Run:
    """The same run with tags of the user's own that never change."""
    extra = {}
    for text in ("epoch", "my/constant", "accuracy/val", "loss/val"):
        tag = Tag.parse(text)
        extra[tag] = Series(tag=tag, step=run.steps.copy(), value=np.ones(len(run.steps)))
    return replace(run, scalars={**extra, **run.scalars})


def _scalars(series: Series, keep: NDArray[np.bool_]) -> Series:
    wall_time = None if series.wall_time is None else series.wall_time[keep]
    return replace(series, step=series.step[keep], value=series.value[keep], wall_time=wall_time)


def _every(series: Blobs, n: int) -> Blobs:
    kept = [i for i, step in enumerate(series.step) if step % n == 0]
    return replace(series, step=series.step[kept], value=tuple(series.value[i] for i in kept))
