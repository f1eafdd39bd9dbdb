"""Every layer at every step in one picture: where in depth, and when, the network went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from torchvitals.core.finding import Finding
from torchvitals.core.run import Run
from torchvitals.present.grid import Grid, concerns, layer_grid
from torchvitals.present.marks import empty_figure, new_figure
from torchvitals.present.text import chart_text
from torchvitals.present.theme import NONFINITE, SEQUENTIAL, ZERO, decade_label, format_value, mark

COLORSCALE = [[i / (len(SEQUENTIAL) - 1), color] for i, color in enumerate(SEQUENTIAL)]
ROW_HEIGHT_PX = 22
MAX_CLICK_POINTS = 1500  # spaced closer than the 20 px from which a click still reaches its neighbour
STAYS = {"marker": {"opacity": 1}}  # what is not clicked must not fade


def layer_heatmap(
    run: Run, measure: str = "grad_norm", *, findings: Sequence[Finding] = (), clickable: bool = True
) -> go.Figure:
    """Layers in forward order, the input on top; colour is the measure, log10 unless it is a fraction or signed.

    Args:
        run: What to draw.
        measure: A measure with one scalar a layer or parameter.
        findings: Marked at their layer and first step.
        clickable: Lay nearly invisible squares over the map whose customdata is [step, layer]: clicks on a heatmap
            itself are not reported by the dashboard.
    """
    grid = layer_grid(run, measure, findings=findings)
    if not grid.subjects:
        return empty_figure(f"{measure} was not recorded in this run.")
    rows = [chart_text(name) for name in grid.subjects]
    figure = new_figure(height=int(min(900, 110 + ROW_HEIGHT_PX * max(3, len(rows)))))
    figure.add_trace(_colours(grid, rows, measure))
    for cells, words, color, shape in (
        (grid.zero if grid.log else np.zeros_like(grid.zero), "exactly zero", ZERO, "square"),
        (grid.nonfinite, "not finite", NONFINITE, "square-x"),
    ):
        if cells.any():
            figure.add_traces(_special(grid, rows, cells, words, color, shape))
    if clickable:
        figure.add_trace(_click_grid(grid, rows))
    figure.add_traces(_onsets(grid, rows, findings))
    figure.update_yaxes(
        type="category",
        autorange="reversed",
        categoryorder="array",
        categoryarray=rows,
        showgrid=False,
        ticklabelstandoff=8,
        tickmode="array",
        **_layer_ticks(grid),
    )
    if len(grid.step) > 1:  # marks at the edge would otherwise push the map inwards
        half = float(np.median(np.diff(grid.step))) / 2
        figure.update_xaxes(range=[float(grid.step[0]) - half, float(grid.step[-1]) + half])
    if grid.omitted:
        figure.update_yaxes(title_text=f"{len(rows)} of {len(rows) + grid.omitted} layers")
    return figure.update_layout(showlegend=True)


def _colours(grid: Grid, rows: list[str], measure: str) -> go.Heatmap:
    z = np.log10(grid.value, out=np.full(grid.value.shape, np.nan), where=grid.value > 0) if grid.log else grid.value.copy()
    z[~np.isfinite(z)] = np.nan
    low, high = _colour_range(z, fraction=measure.endswith("_fraction"))
    value = np.where(np.isfinite(grid.value), grid.value, np.nan)
    return go.Heatmap(
        x=grid.step,
        y=rows,
        z=z.astype(np.float32),
        customdata=np.clip(value, -3e38, 3e38).astype(np.float32),
        colorscale=COLORSCALE,
        zmin=low,
        zmax=high,
        hoverongaps=False,
        hovertemplate="%{y}<br>step %{x}<br>" + chart_text(measure) + " %{customdata:.3g}<extra></extra>",
        colorbar=_colour_bar(low, high, measure, log=grid.log),
    )


def _colour_range(z: np.ndarray, *, fraction: bool) -> tuple[float, float]:
    """From the 2nd to the 98th percentile, so that one spike does not paint all the rest alike; a fraction from 0 to 1."""
    if fraction:
        return 0.0, 1.0
    finite = z[np.isfinite(z)]
    low, high = (float(q) for q in np.percentile(finite, [2, 98])) if finite.size else (0.0, 1.0)
    return (low, high) if high - low > 1e-6 else (low - 0.5, high + 0.5)


def _colour_bar(low: float, high: float, measure: str, *, log: bool) -> dict[str, Any]:
    bar: dict[str, Any] = {
        "title": {"text": chart_text(measure), "side": "right"},
        "thickness": 10,
        "outlinewidth": 0,
        "x": 1.01,
        "xpad": 4,
    }
    decades = np.arange(np.ceil(low), np.floor(high) + 1)
    if log and len(decades) >= 2:
        decades = decades[:: max(1, -(-len(decades) // 6))]
        labels = [decade_label(int(d)) for d in decades]
    else:
        decades = np.linspace(low, high, 3)
        labels = [format_value(10**d if log else d) for d in decades]
    return {**bar, "tickvals": decades.tolist(), "ticktext": labels}


def _special(grid: Grid, rows: list[str], cells: np.ndarray, words: str, color: str, shape: str) -> list[Any]:
    """Cells a colour scale cannot show, in a colour of their own, a mark where each layer's first one is."""
    paint = go.Heatmap(
        x=grid.step,
        y=rows,
        z=np.where(cells, 1.0, np.nan).astype(np.float32),
        colorscale=[[0, color], [1, color]],
        zmin=0,
        zmax=1,
        showscale=False,
        hoverongaps=False,
        hovertemplate="%{y}<br>step %{x}<br>" + words + "<extra></extra>",
    )
    with_any = np.flatnonzero(cells.any(axis=1))
    first = cells.argmax(axis=1)
    marks = go.Scatter(
        x=[int(grid.step[first[i]]) for i in with_any],
        y=[rows[i] for i in with_any],
        customdata=[[int(grid.step[first[i]]), grid.subjects[i]] for i in with_any],
        name=words,
        mode="markers",
        unselected=STAYS,
        marker={"symbol": shape, "size": 8, "color": color, "line": {"width": 1, "color": "white"}},
        hovertemplate="%{y}<br>" + words + " from step %{x}<extra></extra>",
    )
    return [paint, marks]


def _click_grid(grid: Grid, rows: list[str]) -> go.Scatter:
    """Squares to click on, at most a few thousand: the browser draws each of them."""
    every = max(1, -(-len(rows) * len(grid.step) // MAX_CLICK_POINTS))
    cells = [(i, j) for j in range(0, len(grid.step), every) for i in range(len(rows)) if grid.recorded[i, j]]
    return go.Scatter(
        x=[int(grid.step[j]) for _, j in cells],
        y=[rows[i] for i, _ in cells],
        customdata=[[int(grid.step[j]), grid.subjects[i]] for i, j in cells],
        text=[format_value(float(grid.value[i, j])) for i, j in cells],
        mode="markers",
        marker={"symbol": "square", "size": 14, "color": "rgba(127,127,127,0.01)"},
        selected={"marker": {"color": "rgba(255,255,255,0.85)", "size": 7}},
        unselected=STAYS,
        name="cells",
        showlegend=False,
        hovertemplate="%{y}<br>step %{x}<br>%{text}<extra></extra>",
    )


def _onsets(grid: Grid, rows: list[str], findings: Sequence[Finding]) -> list[go.Scatter]:
    """One mark per finding and layer it names."""
    traces = []
    for finding in findings[:12]:
        named = [i for i, name in enumerate(grid.subjects) if concerns(finding, name)]
        if not named:
            continue
        sign = mark(finding.severity)
        x = int(np.clip(finding.first_step, grid.step[0], grid.step[-1]))
        traces.append(
            go.Scatter(
                x=[x] * len(named),
                y=[rows[i] for i in named],
                name=f"{sign.icon} {chart_text(finding.symptom, 40)}",
                customdata=[[x, grid.subjects[i]] for i in named],
                mode="markers",
                unselected=STAYS,
                marker={"symbol": sign.shape, "size": 11, "color": sign.chart, "line": {"width": 1.5, "color": "white"}},
                hovertemplate=f"{chart_text(finding.symptom)}<br>%{{y}}<br>since step {finding.first_step:,}<extra></extra>",
            )
        )
    return traces


def _layer_ticks(grid: Grid) -> dict[str, list[str]]:
    """As many names as fit; each shortened, the full one is in the hover text."""
    every = max(1, -(-len(grid.subjects) // 36))
    shown = grid.subjects[::every]
    return {"tickvals": [chart_text(n) for n in shown], "ticktext": [chart_text(n, 26) for n in shown]}
