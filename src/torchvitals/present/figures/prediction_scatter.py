"""A regression's answers against what was true, and what is left over."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from torchvitals.present.downsample import MAX_POINTS
from torchvitals.present.learned import Array
from torchvitals.present.marks import empty_figure, new_figure
from torchvitals.present.theme import MUTED, NONFINITE, format_value, mark


def prediction_scatter(outputs: Array | None, targets: Array | None, *, output: int = 0) -> go.Figure:
    """Left the prediction over the target, right the residual prediction − target over the target.

    Shapes: both (N, D); `output` is the column that is drawn. Answers that are not finite are crosses on the lower edge.
    """
    if outputs is None or targets is None or outputs.shape != targets.shape or outputs.ndim != 2 or not outputs.size:
        return empty_figure("No predictions with targets of the same shape were recorded.")
    every = max(1, -(-len(outputs) // MAX_POINTS))
    said, true = outputs[::every, output], targets[::every, output]
    fine = np.isfinite(said) & np.isfinite(true)
    figure = new_figure(400)
    _points(figure, true[fine], said[fine], "prediction", "x", "y")
    _points(figure, true[fine], said[fine] - true[fine], "residual", "x2", "y2")
    if fine.any():
        low, high = float(true[fine].min()), float(true[fine].max())
        low, high = (low, high) if high > low else (low - 1, high + 1)
        line = {"mode": "lines", "line": {"color": MUTED, "width": 1.4, "dash": "dash"}, "hoverinfo": "skip"}
        figure.add_scatter(x=[low, high], y=[low, high], name="exactly right", **line)
        figure.add_scatter(x=[low, high], y=[0, 0], xaxis="x2", yaxis="y2", showlegend=False, name="no error", **line)
    _nonfinite(figure, true[~fine], said[~fine])
    return figure.update_layout(
        xaxis={"domain": [0, 0.46], "title": {"text": "target"}},
        yaxis={"title": {"text": "prediction"}},
        xaxis2={"domain": [0.54, 1], "title": {"text": "target"}, "anchor": "y2", "matches": "x"},
        yaxis2={"title": {"text": "prediction − target"}, "anchor": "x2"},
        margin={"t": 30},
    )


def _points(figure: go.Figure, x: np.ndarray, y: np.ndarray, name: str, xaxis: str, yaxis: str) -> None:
    figure.add_scatter(
        x=x,
        y=y,
        xaxis=xaxis,
        yaxis=yaxis,
        mode="markers",
        name=name,
        showlegend=False,
        marker={"size": 6, "color": mark("info").chart, "opacity": 0.75},
        hovertemplate="target %{x:.4g}<br>" + name + " %{y:.4g}<extra></extra>",
    )


def _nonfinite(figure: go.Figure, true: np.ndarray, said: np.ndarray) -> None:
    """Crosses at the lower edge, below the target where that is finite."""
    if not len(said):
        return
    figure.add_scatter(
        x=np.where(np.isfinite(true), true, 0.0),
        y=[0.03] * len(said),
        yaxis="y3",
        mode="markers",
        name=f"not finite: {len(said)}",
        text=[f"target {format_value(float(t))}, prediction {format_value(float(s))}" for t, s in zip(true, said, strict=True)],
        marker={"symbol": "x-thin", "size": 9, "line": {"width": 2, "color": NONFINITE}},
        hovertemplate="%{text}<extra></extra>",
    )
    figure.update_layout(yaxis3={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True})
