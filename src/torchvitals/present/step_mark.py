"""What every chart of distributions over steps shares: the step in view, and the steps that hold nothing finite."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from torchvitals.present.distributions import Distributions
from torchvitals.present.theme import CATEGORICAL, NONFINITE

IN_VIEW = CATEGORICAL[1]


def step_in_view(shown: Distributions, step: int | None) -> int | None:
    """The recorded step that is in force at `step`."""
    if step is None:
        return None
    place = max(0, int(np.searchsorted(shown.step, step, side="right")) - 1)
    return int(shown.step[place])


def add_step(figure: go.Figure, shown: Distributions, step: int | None) -> None:
    """A vertical line at the step in view."""
    if (x := step_in_view(shown, step)) is not None and len(shown.step) > 1:
        figure.add_vline(x=x, line={"color": IN_VIEW, "width": 2})


def add_empty_steps(figure: go.Figure, shown: Distributions, y: float) -> None:
    """Crosses at the steps without a finite value: a gap alone would hide them."""
    steps = shown.step[shown.empty]
    if len(steps):
        figure.add_scatter(
            x=steps,
            y=[y] * len(steps),
            name=f"nothing finite, from step {int(steps[0]):,}",
            mode="markers",
            marker={"symbol": "x-thin", "size": 9, "line": {"width": 2, "color": NONFINITE}},
            hovertemplate="step %{x:,}<br>no finite value<extra></extra>",
        )
