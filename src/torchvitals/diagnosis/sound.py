"""The part of a run that statistics can be taken of: before it turned non-finite for good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TypeVar

import numpy as np

from torchvitals.core.run import Run
from torchvitals.core.series import HistogramSeries, VectorSeries
from torchvitals.core.tag import Tag

Blobs = TypeVar("Blobs", VectorSeries, HistogramSeries)


def collapse_step(run: Run) -> int | None:
    """The first recorded step from which the loss, or a weight, stays non-finite to the end; None for a sound run.

    A single bad batch that the run recovers from is not a collapse.
    """
    steps = [
        _lasting(s.step, ~np.isfinite(s.value)) for t, s in run.scalars.items() if (t.measure, t.subject) == ("loss", "train")
    ]
    steps += [_lasting(s.step, ~(s.value <= 0)) for t, s in run.scalars.items() if t.measure == "nonfinite_weights"]
    return min((s for s in steps if s is not None), default=None)


def sound(run: Run) -> Run:
    """The run up to its collapse. A NaN compares as false with everything, so it would read as silence or as health."""
    end = collapse_step(run)
    if end is None:
        return run
    return replace(
        run,
        scalars=MappingProxyType({t: s.between(-np.inf, end - 1) for t, s in run.scalars.items()}),
        vectors=_cut(run.vectors, end),
        histograms=_cut(run.histograms, end),
    )


def _cut(blobs: Mapping[Tag, Blobs], end: int) -> Mapping[Tag, Blobs]:
    cut = {}
    for tag, series in blobs.items():
        keep = int(np.sum(series.step < end))
        cut[tag] = replace(series, step=series.step[:keep], value=series.value[:keep])
    return MappingProxyType(cut)


def _lasting(step: np.ndarray, bad: np.ndarray) -> int | None:
    """The first step of the bad stretch that reaches to the end."""
    if not bad.size or not bad[-1]:
        return None
    good = np.flatnonzero(~bad)
    return int(step[good[-1] + 1 if good.size else 0])
