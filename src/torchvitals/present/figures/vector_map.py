"""A vector over the steps: the gradient at every time step of a sequence, the entropy of every attention head."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from torchvitals.core.series import VectorSeries
from torchvitals.present.downsample import spans_decades
from torchvitals.present.marks import empty_figure, new_figure
from torchvitals.present.text import chart_text
from torchvitals.present.theme import NONFINITE, SEQUENTIAL, decade_label, format_value

MAX_ROWS = 200
MAX_STEPS = 300
LARGEST = 3e38  # what float32 holds
COLORSCALE = [[i / (len(SEQUENTIAL) - 1), color] for i, color in enumerate(SEQUENTIAL)]
Grid = NDArray[np.float64]


def vector_map(vectors: VectorSeries, *, row: str, fraction: bool = False, height: int = 300) -> go.Figure:
    """One column a recorded step, one row an element, the first on top; log10 where the values span decades.

    Vectors of several lengths stand side by side from their first element on. Zeros on a logarithmic scale take the colour
    of the smallest value; what is not finite is a colour of its own.

    Args:
        vectors: S vectors of shape (U,).
        row: what an element is, for the axis: "time step", "head".
        fraction: the values lie between 0 and 1, and the colours too.
        height: of the figure, in pixels.
    """
    steps, value, recorded = _gathered(vectors)
    if not recorded.any():
        return empty_figure("Nothing was recorded here.", height)
    finite = np.isfinite(value)
    positive = value[finite & (value > 0)]
    log = not fraction and bool((value[finite] >= 0).all()) and spans_decades(positive)
    z = (
        np.log10(value, out=np.full(value.shape, np.nan), where=finite & (value > 0))
        if log
        else np.where(finite, value, np.nan)
    )
    if log:
        z[finite & (value == 0)] = np.log10(positive.min())
    rows = _places(vectors, len(value))
    figure = new_figure(height)
    figure.add_trace(_colours(steps, rows, np.clip(z, -LARGEST, LARGEST), value, row, fraction=fraction, log=log))
    if (recorded & ~finite).any():
        figure.add_traces(_not_finite(steps, rows, recorded & ~finite, row))
    figure.update_yaxes(autorange="reversed", title_text=chart_text(row, 20), showgrid=False, tickformat="d")
    if len(rows) <= 12:
        figure.update_yaxes(tickvals=rows.tolist())
    return figure.update_layout(showlegend=True)


def _gathered(vectors: VectorSeries) -> tuple[NDArray[np.int64], Grid, NDArray[np.bool_]]:
    """Steps (S,), values and what was recorded (U, S), strided to what a screen can show; the last step always stays."""
    kept = np.unique(np.linspace(0, max(len(vectors) - 1, 0), min(len(vectors), MAX_STEPS)).round().astype(np.int64))
    chosen = [np.asarray(vectors.value[int(i)], dtype=np.float64) for i in kept]
    longest = max((len(v) for v in chosen), default=0)
    value = np.full((longest, len(chosen)), np.nan)
    recorded = np.zeros(value.shape, dtype=bool)
    for column, vector in enumerate(chosen):
        value[: len(vector), column], recorded[: len(vector), column] = vector, True
    every = max(1, -(-longest // MAX_ROWS))
    return vectors.step[kept], value[::every], recorded[::every]


def _places(vectors: VectorSeries, rows: int) -> NDArray[np.int64]:
    longest = max(len(v) for v in vectors.value)
    return np.arange(rows, dtype=np.int64) * max(1, -(-longest // MAX_ROWS))


def _colours(
    steps: NDArray[np.int64], rows: NDArray[np.int64], z: Grid, value: Grid, row: str, *, fraction: bool, log: bool
) -> go.Heatmap:
    drawn = z[np.isfinite(z)]
    low, high = (float(drawn.min()), float(drawn.max())) if drawn.size and not fraction else (0.0, 1.0)
    if high - low < 1e-6:
        low, high = low - 0.5, high + 0.5
    ticks = np.linspace(low, high, 3)
    decades = np.arange(np.ceil(low), np.floor(high) + 1)
    if log and len(decades) >= 2:
        ticks = decades[:: max(1, -(-len(decades) // 6))]
        words = [decade_label(int(d)) for d in ticks]
    else:
        words = [format_value(10**t if log else t, "fraction" if fraction else "") for t in ticks]
    return go.Heatmap(
        x=steps,
        y=rows,
        z=z.astype(np.float32),
        customdata=np.clip(np.where(np.isfinite(value), value, np.nan), -LARGEST, LARGEST).astype(np.float32),
        colorscale=COLORSCALE,
        zmin=low,
        zmax=high,
        hoverongaps=False,
        hovertemplate=f"{row} %{{y}}<br>step %{{x}}<br>%{{customdata:.3g}}<extra></extra>",
        colorbar={"thickness": 10, "outlinewidth": 0, "x": 1.01, "xpad": 4, "tickvals": ticks.tolist(), "ticktext": words},
    )


def _not_finite(
    steps: NDArray[np.int64], rows: NDArray[np.int64], cells: NDArray[np.bool_], row: str
) -> tuple[go.Heatmap, go.Scatter]:
    paint = go.Heatmap(
        x=steps,
        y=rows,
        z=np.where(cells, 1.0, np.nan).astype(np.float32),
        colorscale=[[0, NONFINITE], [1, NONFINITE]],
        showscale=False,
        hoverongaps=False,
        hovertemplate=f"{row} %{{y}}<br>step %{{x}}<br>not finite<extra></extra>",
    )
    first = int(steps[cells.any(axis=0)].min())
    entry = go.Scatter(  # the legend's words for the colour
        x=[None],
        y=[None],
        name=f"not finite, from step {first:,}",
        mode="markers",
        marker={"symbol": "square", "size": 10, "color": NONFINITE},
        hoverinfo="skip",
    )
    return paint, entry
