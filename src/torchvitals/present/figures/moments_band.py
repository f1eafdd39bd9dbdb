"""The range of a tensor over the steps: mean, one standard deviation around it, smallest and largest value."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.present.faint import faint
from torchvitals.present.marks import add_nonfinite_rug, empty_figure, new_figure
from torchvitals.present.theme import CATEGORICAL

PARTS = ("mean", "std", "min", "max")
MOST_STEPS = 500
WIDE, NARROW = faint(CATEGORICAL[4], 0.2), faint(CATEGORICAL[4], 0.38)  # seen on white and on near-black
Rows = NDArray[np.float64]


def moments_band(run: Run, prefix: str, subject: str, *, height: int = 230) -> go.Figure:
    """What `prefix`_mean, _std, _min and _max of one subject tell; parts that were not recorded are left out.

    Of many steps a stretch is drawn as one: the smallest minimum, the largest maximum, and the medians of the others.
    """
    parts = parts_of(run, prefix, subject)
    if not parts:
        return empty_figure(f"No {prefix} was recorded.", height)
    steps, rows = _stretches(parts)
    figure = new_figure(height)
    mean, std = rows.get("mean"), rows.get("std")
    if "min" in rows and "max" in rows:
        _band(figure, steps, rows["min"], rows["max"], "smallest to largest", WIDE)
    if mean is not None and std is not None:
        with np.errstate(over="ignore"):
            low, high = mean - std, mean + std
        _band(figure, steps, low, high, "mean ± one standard deviation", NARROW)
    if mean is not None:
        figure.add_scatter(
            x=steps,
            y=mean,
            name="mean",
            mode="lines" if len(steps) > 1 else "markers",
            line={"color": CATEGORICAL[0], "width": 1.8},
            hovertemplate="step %{x}<br>mean %{y:.3g}<extra></extra>",
        )
    add_nonfinite_rug(figure, list(parts.values()))
    return figure.update_layout(showlegend=True)


def parts_of(run: Run, prefix: str, subject: str) -> dict[str, Series]:
    """The recorded ones of mean, std, min and max."""
    found = {part: run.scalar(f"{prefix}_{part}", subject) for part in PARTS}
    return {part: series for part, series in found.items() if series is not None and len(series)}


def _stretches(parts: Mapping[str, Series]) -> tuple[NDArray[np.int64], dict[str, Rows]]:
    """Steps (B,) and each part's value (B,) in a stretch, NaN where it has none that is finite."""
    steps = np.unique(np.concatenate([s.step for s in parts.values()]))
    starts = steps[:: max(1, -(-len(steps) // MOST_STEPS))]
    pick = {"min": np.min, "max": np.max}
    rows: dict[str, Rows] = {}
    for part, series in parts.items():
        finite = series.finite()
        place = np.searchsorted(starts, finite.step, side="right") - 1
        rows[part] = np.full(len(starts), np.nan)
        for i in np.unique(place):
            rows[part][i] = pick.get(part, np.median)(finite.value[place == i])
    return starts, rows


def _band(figure: go.Figure, steps: NDArray[np.int64], low: Rows, high: Rows, name: str, color: str) -> None:
    usable = np.isfinite(low) & np.isfinite(high)
    x, low, high = steps[usable], low[usable], high[usable]
    figure.add_scatter(
        x=np.concatenate([x, x[::-1]]),
        y=np.concatenate([low, high[::-1]]),
        name=name,
        mode="lines" if len(x) > 1 else "lines+markers",
        fill="toself",
        fillcolor=color,
        line={"width": 0 if len(x) > 1 else 6, "color": color},
        hoverinfo="skip",
    )
