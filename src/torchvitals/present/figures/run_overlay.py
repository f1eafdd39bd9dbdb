"""One signal of two runs on the same axes."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from torchvitals.core.series import Series
from torchvitals.present.marks import add_line, add_nonfinite_rug, empty_figure, fit_y, new_figure
from torchvitals.present.theme import CATEGORICAL, MUTED


def run_overlay(this: Series | None, baseline: Series | None, *, names: tuple[str, str], height: int = 240) -> go.Figure:
    """This run in colour, the baseline grey and dotted behind it; a run that did not record the signal is left out.

    Args:
        this: the run that is looked at.
        baseline: the run it is compared with.
        names: of the two, in that order, for the legend.
        height: of the figure, in pixels.
    """
    curves = {"baseline": baseline, "this": this}
    drawn = {which: s for which, s in curves.items() if s is not None and len(s)}
    if not drawn:
        return empty_figure("Neither run recorded this.", height)
    figure = new_figure(height)
    for which, series in drawn.items():
        add_line(figure, series, names[0] if which == "this" else names[1], CATEGORICAL[0] if which == "this" else MUTED)
        if which == "baseline":
            figure.data[-1].update(line={"dash": "dot", "width": 1.6}, marker={"symbol": "circle-open"})
    fit_y(figure, np.concatenate([s.value for s in drawn.values()]))
    add_nonfinite_rug(figure, list(drawn.values()))
    return figure.update_layout(showlegend=True, legend={"traceorder": "reversed"})
