"""What every chart over steps shares: onsets of findings, marks of non-finite steps, the words of an empty chart."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from torchvitals.core.finding import Finding
from torchvitals.core.series import Series
from torchvitals.present.downsample import spans_decades, thin
from torchvitals.present.text import chart_text
from torchvitals.present.theme import MUTED, NONFINITE, decade_label, format_value, mark, template

LINE_HEIGHT_PX = 16


def new_figure(height: int = 280) -> go.Figure:
    """An empty figure in the house style."""
    return go.Figure(layout={"template": template(), "height": height})


def empty_figure(words: str, height: int = 160) -> go.Figure:
    """A chart that says why there is nothing to see."""
    figure = new_figure(height)
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    return figure.add_annotation(text=chart_text(words), showarrow=False, font={"size": 14, "color": MUTED})


def add_line(figure: go.Figure, series: Series, name: str, color: str) -> None:
    """One series as a line; points as well when there are few. Non-finite steps are gaps: see `add_nonfinite_rug`."""
    thinned = thin(series)
    value = np.where(np.isfinite(thinned.value), thinned.value, np.nan)
    figure.add_scatter(
        x=thinned.step,
        y=value,
        name=chart_text(name, 40),
        mode="lines+markers" if len(series) <= 40 else "lines",
        line={"color": color, "width": 1.8},
        marker={"size": 5, "color": color},
        hovertemplate="step %{x}<br>%{y:.3g}<extra>" + chart_text(name, 40) + "</extra>",
    )


def add_nonfinite_rug(figure: go.Figure, series: Sequence[Series]) -> None:
    """Crosses along the bottom at every step that was NaN or infinite: a gap alone would hide the worst steps."""
    bad = [(s, i) for s in series for i in np.flatnonzero(~np.isfinite(s.value))]
    if not bad:
        return
    first = min(int(s.step[i]) for s, i in bad)
    bad = bad[:: max(1, len(bad) // 500)]
    figure.add_scatter(
        x=[int(s.step[i]) for s, i in bad],
        y=[0.03] * len(bad),
        yaxis="y2",
        name=f"not finite, from step {first:,}",
        mode="markers",
        marker={"symbol": "x-thin", "size": 9, "line": {"width": 2, "color": NONFINITE}},
        text=[f"{chart_text(str(s.tag), 60)} is {format_value(float(s.value[i]))}" for s, i in bad],
        hovertemplate="step %{x}<br>%{text}<extra></extra>",
    )
    figure.update_layout(yaxis2={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True})


def add_onsets(figure: go.Figure, findings: Sequence[Finding], last_step: int) -> None:
    """A vertical line where each finding began, its label turned inwards; labels stand below one another."""
    for i, finding in enumerate(findings[:8]):
        sign = mark(finding.severity)
        left = finding.first_step <= last_step / 2
        figure.add_vline(x=finding.first_step, line={"color": sign.chart, "width": 1.4, "dash": "dot"})
        figure.add_annotation(
            x=finding.first_step,
            y=1,
            yref="paper",
            yshift=-LINE_HEIGHT_PX * i,
            xanchor="left" if left else "right",
            yanchor="top",
            xshift=4 if left else -4,
            showarrow=False,
            text=f"{sign.icon} {chart_text(finding.symptom, 40)}",
            font={"color": sign.chart, "size": 12},
        )


def fit_y(figure: go.Figure, values: np.ndarray, bounds: Sequence[float] = ()) -> tuple[float, float, bool]:
    """Choose a log axis when values and bounds need one, and a range that shows them all; returns (low, high, log)."""
    shown = np.concatenate([np.asarray(values, dtype=np.float64), np.asarray(bounds, dtype=np.float64)])
    shown = shown[np.isfinite(shown)]
    if not shown.size:
        return 0.0, 1.0, False
    positive = shown[shown > 0]
    log = spans_decades(values[np.isfinite(values)]) or (bool((shown > 0).all()) and spans_decades(positive))
    scale = np.log10(positive) if log else shown
    low, high = float(scale.min()), float(scale.max())
    pad = 0.08 * (high - low) or 0.1 * abs(high) or 0.1
    limit = 307.0 if log else 1e307  # what still is a finite number
    low, high = max(low - pad, -limit), min(high + pad, limit)
    figure.update_layout(yaxis={"type": "log" if log else "linear", "range": [low, high], "exponentformat": "power"})
    if log:
        first, last = math.ceil(low), math.floor(high)
        ticks = range(first, last + 1, max(1, -(-(last - first + 1) // 7)))
        figure.update_layout(yaxis={"tickvals": [10.0**e for e in ticks], "ticktext": [decade_label(e) for e in ticks]})
    return (10**low, 10**high, True) if log else (low, high, False)
