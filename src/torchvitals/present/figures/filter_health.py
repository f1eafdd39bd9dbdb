"""One number of every filter over the steps: when a filter died, and whether the others followed."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from torchvitals.core.series import VectorSeries
from torchvitals.present.marks import empty_figure, new_figure
from torchvitals.present.theme import NONFINITE, ZERO
from torchvitals.present.tile_marks import FADING, finite_or_gap
from torchvitals.present.tiles import robust_limit

TITLES = {
    "filter_norm": "norm",
    "filter_activity": "activity",
    "filter_similarity": "likeness",
    "filter_roughness": "roughness",
    "filter_change": "change",
}
FROM_NOUGHT_TO_ONE = frozenset({"filter_activity", "filter_similarity", "filter_roughness"})
MOST_STEPS = 400
MOST_FILTERS = 256


def filter_health(series: VectorSeries | None) -> go.Figure:
    """Filters downwards, steps to the right; exact zeros and values that are not finite have colours of their own.

    Columns are the recorded steps, evenly wide: looks are far apart late in a training.
    """
    if series is None or not len(series):
        return empty_figure("This was not recorded for the layer.")
    columns = np.unique(np.linspace(0, len(series) - 1, min(MOST_STEPS, len(series))).round().astype(int))
    values = _matrix(series, columns)
    rows = np.unique(np.linspace(0, values.shape[0] - 1, min(MOST_FILTERS, values.shape[0])).round().astype(int))
    values = values[rows]
    measure = series.tag.measure
    title = TITLES.get(measure, measure)
    steps = [f"{int(s):,}" for s in series.step[columns]]
    figure = new_figure(int(np.clip(120 + 6 * len(rows), 220, 460)))
    figure.add_trace(
        go.Heatmap(
            x=steps,
            y=rows,
            z=finite_or_gap(values),
            colorscale=FADING,
            zmin=0,
            zmax=1.0 if measure in FROM_NOUGHT_TO_ONE else robust_limit(values),
            hoverongaps=False,
            name=title,
            hovertemplate="filter %{y}<br>step %{x}<br>" + title + " %{z:.3g}<extra></extra>",
            colorbar={"title": {"text": title, "side": "right"}, "thickness": 10, "outlinewidth": 0, "nticks": 4},
        )
    )
    _add_cells(figure, steps, rows, values == 0, "zero", ZERO)
    _add_cells(figure, steps, rows, ~np.isfinite(values) & ~_absent(series, columns, rows), "not finite", NONFINITE)
    figure.update_xaxes(type="category", nticks=12)
    figure.update_yaxes(autorange="reversed", title_text="filter", showgrid=False, nticks=8)
    return figure.update_layout(margin={"t": 30}, showlegend=True)


def _matrix(series: VectorSeries, columns: np.ndarray) -> np.ndarray:
    """(F, S) of the chosen steps; a vector of another length than the last one is a column of NaN."""
    chosen = [np.asarray(series.value[int(c)], dtype=np.float64) for c in columns]
    width = len(chosen[-1])
    return np.stack([v if len(v) == width else np.full(width, np.nan) for v in chosen], axis=1)


def _absent(series: VectorSeries, columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Cells without a value because the layer had another number of filters then."""
    width = len(series.value[int(columns[-1])])
    other = np.array([len(series.value[int(c)]) != width for c in columns])
    return np.broadcast_to(other, (len(rows), len(columns)))


def _add_cells(figure: go.Figure, steps: list[str], rows: np.ndarray, cells: np.ndarray, words: str, color: str) -> None:
    """Paint cells that a colour scale cannot tell, and name the colour in the legend."""
    if not cells.any():
        return
    figure.add_trace(
        go.Heatmap(
            x=steps,
            y=rows,
            z=np.where(cells, 1.0, np.nan).astype(np.float32),
            colorscale=[[0, color], [1, color]],
            showscale=False,
            hoverongaps=False,
            name=words,
            hovertemplate="filter %{y}<br>step %{x}<br>" + words + "<extra></extra>",
        )
    )
    first = int(cells.any(axis=1).argmax())
    figure.add_scatter(
        x=[steps[int(cells[first].argmax())]],
        y=[rows[first]],
        mode="markers",
        name=f"{words}: {int(cells[:, -1].sum())} at the last step",
        marker={"symbol": "square", "size": 9, "color": color, "line": {"width": 1, "color": "white"}},
        hoverinfo="skip",
    )
