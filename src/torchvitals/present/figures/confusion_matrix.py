"""Which classes are taken for which."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from torchvitals.present.learned import Array
from torchvitals.present.marks import empty_figure, new_figure
from torchvitals.present.theme import format_value
from torchvitals.present.tile_marks import FADING

WRITTEN = 20  # classes up to which the counts stand in the cells


def confusion_matrix(counts: Array | None) -> go.Figure:
    """Counts (C, C): rows are the true classes, columns the predicted ones; colour is the share of the row.

    A class without a sample is an empty row: it was not tested, which is not the same as never right.
    """
    if counts is None or counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.size:
        return empty_figure("No confusion matrix was recorded.")
    total = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, total, out=np.full(counts.shape, np.nan), where=(total > 0) & np.isfinite(total))
    classes = len(counts)
    figure = new_figure(420)
    figure.add_trace(
        go.Heatmap(
            z=share.astype(np.float32),
            customdata=counts.astype(np.float32),
            colorscale=FADING,
            zmin=0,
            zmax=1,
            xgap=1 if classes <= WRITTEN else 0,
            ygap=1 if classes <= WRITTEN else 0,
            text=_text(counts) if classes <= WRITTEN else None,
            texttemplate="%{text}" if classes <= WRITTEN else None,
            textfont={"size": 12},
            hoverongaps=False,
            name="confusion",
            hovertemplate="true %{y}, predicted %{x}<br>%{customdata} samples, %{z:.0%} of the class<extra></extra>",
            colorbar={"title": {"text": "share of the true class", "side": "right"}, "thickness": 10, "outlinewidth": 0,
                      "tickformat": ".0%", "nticks": 5},
        )
    )  # fmt: skip
    figure.update_xaxes(title_text="predicted class", tickmode="linear", dtick=max(1, -(-classes // 20)), showgrid=False)
    figure.update_yaxes(title_text="true class", autorange="reversed", dtick=max(1, -(-classes // 20)), showgrid=False)
    return figure.update_layout(margin={"t": 44})  # level with its neighbour, which has a legend


def _text(counts: Array) -> list[list[str]]:
    """The counts; a zero is left out, it is what most cells hold."""
    return [[format_value(float(v)) if v else "" for v in row] for row in counts]
