"""A distribution over the steps as a row of hills, one a step: its shape at a glance."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from torchvitals.core.series import HistogramSeries
from torchvitals.present.distributions import Distributions, gather, why_nothing
from torchvitals.present.marks import empty_figure, new_figure
from torchvitals.present.step_mark import IN_VIEW, step_in_view
from torchvitals.present.theme import CATEGORICAL, NONFINITE
from torchvitals.present.tint import tint

MOST_RIDGES = 24
OVERLAP = 2.2  # height of the highest hill, in rows
COLOR = CATEGORICAL[0]


def ridgeline(series: HistogramSeries, *, step: int | None = None, height: int = 460) -> go.Figure:
    """Density over the value, the first step at the back on top, the last in front; the step in view is in another colour.

    All hills have one scale. A step without a finite value is a cross.
    """
    shown = gather(series, MOST_RIDGES, keep=step)
    if shown is None:
        return empty_figure(why_nothing(series))
    figure = new_figure(height)
    middle = (shown.place[1:] + shown.place[:-1]) / 2
    x = np.concatenate(([shown.place[0]], middle, [shown.place[-1]]))
    tall = OVERLAP / float(np.nanmax(shown.density))
    in_view = step_in_view(shown, step)
    for row, at in enumerate(shown.step):
        if shown.empty[row]:
            continue
        hill = tall * np.concatenate(([0.0], shown.density[row], [0.0]))
        _add_hill(figure, x, -row + hill, row, int(at), chosen=int(at) == in_view)
    _add_crosses(figure, shown, float(middle[len(middle) // 2]))
    low, high = float(x[0]), float(x[-1])
    pad = 0.04 * (high - low)
    figure.update_xaxes(title_text="", showgrid=True, range=[low - pad, high + pad], **shown.axis.ticks(low, high))
    figure.update_yaxes(showgrid=False, range=[0.4 - len(shown.step), OVERLAP + 0.2], **_step_ticks(shown, in_view))
    return figure.update_layout(showlegend=False, margin={"t": 12})


def _add_hill(figure: go.Figure, x: np.ndarray, y: np.ndarray, row: int, step: int, *, chosen: bool) -> None:
    """A hill and the ground below it; the ground is a trace of its own because Plotly fills from the one before."""
    color = IN_VIEW if chosen else COLOR
    figure.add_scatter(x=[x[0], x[-1]], y=[-row, -row], mode="lines", line={"width": 0}, hoverinfo="skip")
    figure.add_scatter(
        x=x,
        y=y,
        name=f"step {step:,}",
        mode="lines",
        line={"color": color, "width": 2.4 if chosen else 1.4},
        fill="tonexty",
        fillcolor=tint(color, 0.5 if chosen else 0.26),
        hovertemplate=f"step {step:,}<extra></extra>",
    )


def _add_crosses(figure: go.Figure, shown: Distributions, x: float) -> None:
    rows = np.flatnonzero(shown.empty)
    if rows.size:
        figure.add_scatter(
            x=[x] * rows.size,
            y=-rows,
            name="nothing finite",
            mode="markers",
            marker={"symbol": "x-thin", "size": 9, "line": {"width": 2, "color": NONFINITE}},
            text=[f"step {int(shown.step[r]):,}" for r in rows],
            hovertemplate="%{text}<br>no finite value<extra></extra>",
        )


def _step_ticks(shown: Distributions, in_view: int | None) -> dict[str, list[str] | list[int]]:
    """Every third row or so, and the one in view."""
    every = max(1, -(-len(shown.step) // 9))
    rows = [r for r, s in enumerate(shown.step) if r % every == 0 or int(s) == in_view]
    return {"tickvals": [-r for r in rows], "ticktext": [f"step {int(shown.step[r]):,}" for r in rows]}
