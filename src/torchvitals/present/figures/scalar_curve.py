"""One number of the whole run over its steps."""

from __future__ import annotations

import plotly.graph_objects as go

from torchvitals.core.series import Series
from torchvitals.present.marks import add_line, add_nonfinite_rug, empty_figure, fit_y, new_figure
from torchvitals.present.theme import CATEGORICAL


def scalar_curve(series: Series | None, name: str, *, missing: str = "Nothing was recorded.", height: int = 280) -> go.Figure:
    """A line on a logarithmic axis when the values span decades; non-finite steps are marked. `missing` is said without one."""
    if series is None or not len(series):
        return empty_figure(missing)
    figure = new_figure(height)
    add_line(figure, series, name, CATEGORICAL[0])
    fit_y(figure, series.value)
    add_nonfinite_rug(figure, [series])
    return figure.update_layout(yaxis_title_text="", showlegend=True)
