"""Layers with the worst on top, and few enough to be read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from components.measures import Measure, standing_out
from torchvitals.core.run import Run
from torchvitals.core.series import Series

MOST = 40


def ranked(run: Run, measure: Measure) -> list[str]:
    """The layers of a measure, the one that stands out most first."""
    return standing_out({name: _settled(s) for name, s in run.by_subject(measure.name).items() if len(s)}, measure.worst)


def worst_first(run: Run, measure: Measure, most: int = MOST) -> Run:
    """A run of this measure's worst layers alone, in that order: without a manifest, layers stand as they are listed."""
    rows = run.by_subject(measure.name)
    kept = [rows[name] for name in ranked(run, measure)[:most]]
    return replace(run, manifest=None, scalars={s.tag: s for s in kept})


def _settled(series: Series) -> float:
    """Where a layer has come to: its median over the last third of the points; NaN if any of those is not finite."""
    tail = series.value[-max(1, len(series) // 3) :]
    return float(np.median(tail)) if np.isfinite(tail).all() else float("nan")
