"""A distribution over the steps as colour: every bin of every recorded histogram."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from torchvitals.core.series import HistogramSeries, Steps
from torchvitals.present.distributions import Distributions, gather, why_nothing
from torchvitals.present.marks import empty_figure, new_figure
from torchvitals.present.step_mark import add_empty_steps, add_step
from torchvitals.present.theme import CATEGORICAL
from torchvitals.present.tint import tint

# From the page's own colour to a strong one: where nothing lies nothing is painted, on light and dark alike.
COLORSCALE = [[0.0, tint(CATEGORICAL[0], 0.06)], [1.0, tint(CATEGORICAL[0], 1.0)]]


def heat_strip(series: HistogramSeries, *, step: int | None = None, height: int = 420) -> go.Figure:
    """One column a step, one cell a bin; the deeper the colour, the denser the values; the step in view is marked.

    Colour is the root of the density, so that the tails are seen beside the peak.
    """
    shown = gather(series)
    if shown is None:
        return empty_figure(why_nothing(series))
    figure = new_figure(height)
    density = np.where(shown.share > 0, shown.density, np.nan)
    finite = density[np.isfinite(density)]
    columns = _column_edges(shown.step)
    figure.add_heatmap(
        x=columns,
        y=shown.place,
        z=np.sqrt(density).T.astype(np.float32),
        customdata=_cells(shown),
        colorscale=COLORSCALE,
        zmin=0.0,
        zmax=float(np.sqrt(np.percentile(finite, 99))),
        showscale=False,
        hoverongaps=False,
        hovertemplate="step %{customdata[0]:,.0f}<br>about %{customdata[1]:.3g}<br>%{customdata[2]:.2%} of all<extra></extra>",
    )
    low, high = float(shown.place[0]), float(shown.place[-1])
    pad = 0.05 * (high - low)
    figure.update_yaxes(range=[low - pad, high + pad], showgrid=False, **shown.axis.ticks(low, high))
    figure.update_xaxes(range=[float(columns[0]), float(columns[-1])])
    add_empty_steps(figure, shown, low - pad / 2)
    add_step(figure, shown, step)
    marked = bool(shown.empty.any())
    return figure.update_layout(showlegend=marked, margin={"t": 36 if marked else 12})


def _column_edges(step: Steps) -> np.ndarray:
    """Half way between neighbouring steps; the outermost columns are as wide as their neighbours, (S+1,)."""
    if len(step) == 1:
        return np.array([step[0] - 0.5, step[0] + 0.5])
    middle = (step[1:] + step[:-1]) / 2
    return np.concatenate(([2 * step[0] - middle[0]], middle, [2 * step[-1] - middle[-1]])).astype(np.float64)


def _cells(shown: Distributions) -> np.ndarray:
    """Step, middle of the bin and share of the values for every cell, (K, S, 3)."""
    share = shown.share.T
    middle = np.clip(shown.edge[1:] / 2 + shown.edge[:-1] / 2, -3e38, 3e38)[:, None]  # what is a number in 32 bits
    return np.stack((*np.broadcast_arrays(shown.step[None], middle, share),), axis=-1).astype(np.float32)
