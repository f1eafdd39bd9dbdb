"""Whether the network is as often right as it is sure."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from torchvitals.present.learned import Array
from torchvitals.present.marks import empty_figure, new_figure
from torchvitals.present.theme import MUTED, format_value, mark


def confidence(count: Array | None, right: Array | None) -> go.Figure:
    """A reliability diagram: the share that was right in each of B equally wide bins of confidence, how many below.

    Shapes: `count` and `right` (B,). Bins without a sample have no mark. On the dashed line confidence is what it says;
    below it the network is too sure (Guo et al. 2017, "On calibration of modern neural networks").
    """
    if count is None or right is None or count.shape != right.shape or not (np.isfinite(count) & (count > 0)).any():
        return empty_figure("No confidence was recorded.")
    edges = np.linspace(0, 1, len(count) + 1)
    centre = (edges[:-1] + edges[1:]) / 2
    filled = (count > 0) & np.isfinite(count)
    share = np.divide(right, count, out=np.full(len(count), np.nan), where=filled)
    spans = [f"{edges[i]:.0%} to {edges[i + 1]:.0%} sure" for i in range(len(count))]
    figure = new_figure(420)
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", name="as sure as right",
        line={"color": MUTED, "width": 1.4, "dash": "dash"}, hoverinfo="skip",
    )  # fmt: skip
    figure.add_scatter(
        x=centre[filled],
        y=share[filled],
        mode="lines+markers",
        name="recorded",
        line={"color": mark("info").chart, "width": 1.8},
        # Area by number, so that a mark that rests on one sample looks like it.
        marker={"size": 6 + 14 * np.sqrt(count[filled] / count[filled].max()), "color": mark("info").chart},
        text=[f"{s}<br>{format_value(float(r))} of {format_value(float(c))} right"
              for s, r, c, f in zip(spans, right, count, filled, strict=True) if f],
        hovertemplate="%{text}, %{y:.0%}<extra></extra>",
    )  # fmt: skip
    figure.add_bar(
        x=centre, y=count, yaxis="y2", name="samples", width=0.8 / len(count), marker={"color": MUTED, "cornerradius": 2},
        text=spans, textposition="none", hovertemplate="%{text}<br>%{y} samples<extra></extra>",
    )  # fmt: skip
    figure.add_annotation(
        x=0.04, y=0.1, xanchor="left", text="as sure as right", textangle=0, showarrow=False, font={"size": 12}
    )  # fmt: skip
    figure.update_xaxes(title_text="confidence in the answer", range=[0, 1.03], tickformat=".0%", anchor="y2")
    figure.update_yaxes(gridcolor=figure.layout.template.layout.yaxis.gridcolor)
    return figure.update_layout(
        yaxis={"domain": [0.3, 1], "range": [0, 1.06], "tickformat": ".0%", "title": {"text": "share right"}},
        yaxis2={"domain": [0, 0.2], "title": {"text": "samples"}, "rangemode": "tozero", "nticks": 3},
        margin={"t": 44},
        showlegend=False,
    )
