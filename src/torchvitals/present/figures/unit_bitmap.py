"""Every unit of a layer at every step: which fire, which never do, which stopped."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from torchvitals.core.series import VectorSeries
from torchvitals.present.marks import empty_figure, new_figure
from torchvitals.present.theme import NONFINITE, SEQUENTIAL, ZERO

MOST_UNITS, MOST_STEPS = 256, 400
COLORSCALE = [(i / (len(SEQUENTIAL) - 1), color) for i, color in enumerate(SEQUENTIAL)]
# An ordinary cell shows what lies below; silent and non-finite ones are painted over.
SPECIAL = [(0.0, "rgba(0,0,0,0)"), (0.25, "rgba(0,0,0,0)"), (0.25, ZERO), (0.75, ZERO), (0.75, NONFINITE), (1.0, NONFINITE)]


def unit_bitmap(series: VectorSeries, *, step: int | None = None, height: int = 420) -> go.Figure:
    """Firing rates, units × steps, the most silent unit on top; silent and non-finite cells have colours of their own.

    Of a wide layer the most silent half of the rows and an even sample of the others are drawn. Neighbouring steps share a
    column when there are too many: it shows each unit's highest rate, so that it is silent only if the unit was on all of them.

    Args:
        series: One rate a unit and step, 0 to 1.
        step: The step in view, marked by a line.
        height: Of the figure, in pixels.
    """
    rate = series.matrix()
    if not rate.size:
        return empty_figure("No firing rates were recorded.")
    steps, cells = _columns(series.step, rate)
    units = _silent_first(cells)
    rows = _kept(len(units))
    order, z = units[rows], cells[:, units[rows]].T
    names = [f"unit {u}" for u in order]
    figure = new_figure(height)
    figure.add_trace(_rates(steps, names, z))
    if (special := np.where(np.isfinite(z), (z == 0).astype(np.int8), np.int8(2))).any():
        figure.add_heatmap(x=steps, y=names, z=special, zmin=0, zmax=2, colorscale=SPECIAL, showscale=False, hoverinfo="skip")
    for code, (words, color) in enumerate((("silent", ZERO), ("not finite", NONFINITE)), start=1):
        if (special == code).any():
            figure.add_scatter(**_legend_entry(words, color))
    figure.update_yaxes(
        visible=True, showticklabels=False, showgrid=False, autorange="reversed", title_text=_title(z, len(units))
    )
    if step is not None and len(steps) > 1:
        figure.add_vline(x=int(steps[max(0, int(np.searchsorted(steps, step, side="right")) - 1)]), line={"color": "white"})
    if len(steps) > 1:  # to the edge of the cells; legend entries would push the map inwards
        half = float(np.median(np.diff(steps))) / 2
        figure.update_xaxes(range=[float(steps[0]) - half, float(steps[-1]) + half])
    return figure.update_layout(showlegend=True)


def _columns(step: NDArray[np.int64], rate: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """At most MOST_STEPS columns: the highest rate of the steps each holds; NaN if one of them is."""
    start = np.arange(0, len(step), max(1, -(-len(step) // MOST_STEPS)))
    return step[start], np.maximum.reduceat(rate, start, axis=0)


def _silent_first(cells: NDArray[np.float64]) -> NDArray[np.int64]:
    """Units by the share of columns they are silent in, then by their mean rate."""
    finite = np.where(np.isfinite(cells), cells, 0.0)
    return np.lexsort((finite.mean(axis=0), -(cells == 0).mean(axis=0)))


def _kept(units: int) -> NDArray[np.int64]:
    if units <= MOST_UNITS:
        return np.arange(units)
    half = MOST_UNITS // 2
    return np.concatenate((np.arange(half), np.linspace(half, units - 1, MOST_UNITS - half).astype(np.int64)))


def _rates(steps: NDArray[np.int64], names: list[str], z: NDArray[np.float64]) -> go.Heatmap:
    return go.Heatmap(
        x=steps,
        y=names,
        z=np.where(np.isfinite(z), z, np.nan).astype(np.float32),
        colorscale=COLORSCALE,
        zmin=0,
        zmax=1,
        colorbar={"thickness": 10, "outlinewidth": 0, "tickformat": ".0%", "nticks": 3, "x": 1.01, "xpad": 4},
        hoverongaps=False,
        hovertemplate="%{y}<br>step %{x:,}<br>fires for %{z:.1%} of the batch<extra></extra>",
    )


def _legend_entry(words: str, color: str) -> dict[str, object]:
    marker = {"symbol": "square", "size": 11, "color": color}
    return {"x": [None], "y": [None], "name": words, "mode": "markers", "marker": marker, "hoverinfo": "skip"}


def _title(z: NDArray[np.float64], units: int) -> str:
    return f"{units:,} units" if len(z) == units else f"{len(z)} of {units:,} units"
