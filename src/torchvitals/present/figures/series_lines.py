"""A few curves of one kind over the steps: a signal of the loop, or of some layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from torchvitals.core.finding import Finding
from torchvitals.core.series import Series
from torchvitals.present.marks import add_line, add_nonfinite_rug, add_onsets, empty_figure, fit_y, new_figure
from torchvitals.present.text import chart_text
from torchvitals.present.theme import CATEGORICAL, MUTED

MOST = 8  # lines that can still be told apart
PERCENT_SPAN = 0.05  # an axis shorter than this would repeat the same whole per cent


def series_lines(
    lines: Mapping[str, Series],
    *,
    unit: str = "",
    findings: Sequence[Finding] = (),
    guide: float | None = None,
    height: int = 230,
) -> go.Figure:
    """One line a series, the first `MOST` of them; steps that were not finite are crosses at the foot.

    Args:
        lines: series by the name they are told apart by.
        unit: `fraction` is drawn as per cent, any other stands at the axis.
        findings: root findings, marked where they began.
        guide: a value with a meaning of its own (1 for a spectral norm), as a thin dashed line.
        height: of the figure, in pixels.
    """
    shown = {name: series for name, series in list(lines.items())[:MOST] if len(series)}
    if not shown:
        return empty_figure("Nothing was recorded here.", height)
    figure = new_figure(height)
    for (name, series), color in zip(shown.items(), CATEGORICAL, strict=False):
        add_line(figure, series, name, color)
    low, high, log = fit_y(figure, np.concatenate([s.value for s in shown.values()]), () if guide is None else (guide,))
    if guide is not None:
        figure.add_hline(y=guide, line={"color": MUTED, "width": 1, "dash": "dash"})
    add_nonfinite_rug(figure, list(shown.values()))
    add_onsets(figure, findings, max(int(s.step[-1]) for s in shown.values()))
    if unit == "fraction":
        figure.update_layout(yaxis_tickformat=".0%" if not log and high - low > PERCENT_SPAN else None)
    else:
        figure.update_layout(yaxis_title_text=chart_text(unit, 20))
    several = len(shown) > 1 or len(figure.data) > len(shown)
    return figure.update_layout(showlegend=several, margin={"t": 36 if several or findings else 12})
