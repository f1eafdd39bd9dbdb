"""A distribution over the steps as its percentiles: does it spread, shrink or drift."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import plotly.graph_objects as go

from torchvitals.core.series import HistogramSeries
from torchvitals.present.distributions import Distributions, bounded, chosen_steps, gather, near_zero, why_nothing
from torchvitals.present.marks import empty_figure, new_figure
from torchvitals.present.step_mark import add_empty_steps, add_step
from torchvitals.present.theme import CATEGORICAL, format_value
from torchvitals.present.tint import tint

COLOR = CATEGORICAL[0]
# Lower and upper share, and how strongly the band between them is painted.
BANDS = ((0.0, 1.0, 0.10), (0.05, 0.95, 0.20), (0.25, 0.75, 0.38))


def percentile_bands(series: HistogramSeries, *, step: int | None = None, height: int = 420) -> go.Figure:
    """Median, and the ranges that hold half, 90 % and all of the finite values; the step in view is marked.

    The percentiles are those of the recorded histograms, linear inside a bin.
    """
    shown = gather(series)
    if shown is None:
        return empty_figure(why_nothing(series))
    figure = new_figure(height)
    histograms = [bounded(series.value[int(i)]) for i in chosen_steps(series)]
    quantiles = {
        share: np.array([h.quantile(share) for h in histograms]) for band in (*BANDS, (0.5, 0.5, 1.0)) for share in band[:2]
    }
    for low, high, opacity in BANDS:
        _add_band(figure, shown, quantiles[low], quantiles[high], f"{_percent(high - low)} of the values", opacity)
    figure.add_scatter(
        x=shown.step,
        y=shown.axis.place(quantiles[0.5]),
        name="median",
        mode="lines+markers" if len(shown.step) <= 40 else "lines",
        line={"color": COLOR, "width": 2.2},
        marker={"size": 5},
        text=[format_value(near_zero(float(v))) for v in quantiles[0.5]],
        hovertemplate="step %{x:,}<br>median %{text}<extra></extra>",
    )
    low, high = float(shown.axis.place(np.nanmin(quantiles[0.0]))), float(shown.axis.place(np.nanmax(quantiles[1.0])))
    pad = 0.05 * (high - low) or 0.5
    figure.update_yaxes(range=[low - pad, high + pad], **shown.axis.ticks(low, high))
    add_empty_steps(figure, shown, low - pad / 2)
    add_step(figure, shown, step)
    return figure.update_layout(showlegend=True)


def _add_band(figure: go.Figure, shown: Distributions, low: np.ndarray, high: np.ndarray, name: str, opacity: float) -> None:
    """The area between two percentiles, one piece for each run of steps without a gap; a lone step gets some width."""
    wide = 0.3 * float(np.median(np.diff(shown.step))) if len(shown.step) > 1 else 0.4
    edges = np.flatnonzero(np.diff(np.concatenate(([True], shown.empty, [True]))))
    for piece, (start, stop) in enumerate(list(pairwise(edges))[::2]):
        steps = shown.step[start:stop].astype(np.float64)
        bottom, top = shown.axis.place(low[start:stop]), shown.axis.place(high[start:stop])
        if stop - start == 1:
            steps, bottom, top = np.array([steps[0] - wide, steps[0] + wide]), bottom.repeat(2), top.repeat(2)
        figure.add_scatter(
            x=np.concatenate((steps, steps[::-1])),
            y=np.concatenate((top, bottom[::-1])),
            name=name,
            legendgroup=name,
            showlegend=piece == 0,
            mode="lines",
            line={"width": 0},
            fill="toself",
            fillcolor=tint(COLOR, opacity),
            hoverinfo="skip",
        )


def _percent(share: float) -> str:
    return "all" if share == 1 else f"{100 * share:.0f} %"
