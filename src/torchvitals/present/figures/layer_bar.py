"""All layers at one step: which is too small, which too large, which not a number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from torchvitals.core.finding import Finding
from torchvitals.core.run import Run
from torchvitals.present.marks import empty_figure, new_figure
from torchvitals.present.text import chart_text
from torchvitals.present.theme import CATEGORICAL, MUTED, NONFINITE, ZERO, format_value

BAR_PX = 24
TALLEST_PX = 900


def layer_bar(run: Run, measure: str, step: int, *, layer: str | None = None, findings: Sequence[Finding] = ()) -> go.Figure:
    """One bar a layer, input on top: its value at `step`, or at the last recorded step before it.

    Fractions and signed measures are linear, all others logarithmic. Zero on a logarithmic axis and values that are not
    finite have no bar; they are marked and named. `layer` is drawn in colour against the others.
    """
    values = values_at(run, measure, step, findings=findings)
    if not values:
        return empty_figure(f"No layer has {measure} at step {step:,}.")
    finite = np.array([v for v in values.values() if math.isfinite(v)])
    log = not measure.endswith("_fraction") and bool(finite.size) and bool((finite >= 0).all()) and bool((finite > 0).any())
    low, high = _span(finite, log=log, fraction=measure.endswith("_fraction"))
    drawn = [n for n, v in values.items() if math.isfinite(v) and not (log and v == 0)]
    figure = new_figure(min(TALLEST_PX, 90 + BAR_PX * len(values)))
    figure.add_bar(
        x=[values[n] for n in drawn],
        y=[_label(n) for n in drawn],
        orientation="h",
        marker={"color": [CATEGORICAL[0] if layer in (None, n) else MUTED for n in drawn], "cornerradius": 3},
        text=[format_value(values[n], unit_of(run, measure)) for n in drawn],
        textposition="none",
        hovertemplate="%{y}<br>%{text}<extra></extra>",
    )
    _add_marks(figure, {n: v for n, v in values.items() if n not in drawn}, low)
    figure.update_xaxes(
        type="log" if log else "linear",
        range=[math.log10(low), math.log10(high)] if log else [low, high],
        title_text="",
        showgrid=bool(finite.size),
        showticklabels=bool(finite.size),  # nothing but NaN has no scale
        tickformat=".0%" if measure.endswith("_fraction") else None,
        exponentformat="power",
    )
    order = [_label(n) for n in values]
    figure.update_yaxes(categoryorder="array", categoryarray=order, autorange="reversed", showgrid=False, ticklabelstandoff=8)
    return figure.update_layout(showlegend=False, bargap=0.35, margin={"t": 8})


def values_at(run: Run, measure: str, step: int, *, findings: Sequence[Finding] = ()) -> dict[str, float]:
    """Each layer's value at the step, or the last one before it, in forward order; a layer without one is absent.

    Biases and norm scales are left out, as in the heatmap, unless a finding names them or there is nothing else.
    """
    values = {}
    for name, series in run.by_subject(measure).items():
        place = int(np.searchsorted(series.step, step, side="right")) - 1
        if place >= 0:
            values[name] = float(series.value[place])
    vectors = {p.name for p in run.manifest.parameters if len(p.shape) < 2} if run.manifest else set()
    vectors -= {name for f in findings for name in (f.module, *f.modules) if name}
    return {name: v for name, v in values.items() if name not in vectors} or values


def unit_of(run: Run, measure: str) -> str:
    """The unit the log gives a measure; fractions are known by their name."""
    return (run.manifest.unit(measure) if run.manifest else "") or ("fraction" if measure.endswith("_fraction") else "")


def _span(finite: np.ndarray, *, log: bool, fraction: bool) -> tuple[float, float]:
    """The axis: a bar on a logarithm starts at the edge, so the smallest value gets half a decade to stand on."""
    if fraction:
        return 0.0, 1.0
    if log:
        positive = finite[finite > 0]
        return float(positive.min()) / 10**0.5, float(positive.max()) * 10**0.25
    if not finite.size:
        return 0.0, 1.0
    pad = 0.08 * float(finite.max() - min(finite.min(), 0)) or 1.0
    return min(0.0, float(finite.min()) - pad if finite.min() < 0 else 0.0), max(0.0, float(finite.max())) + pad


def _add_marks(figure: go.Figure, values: Mapping[str, float], low: float) -> None:
    """Name what a bar cannot show, at the foot of the axis."""
    for words, color, names in (
        ("zero", ZERO, [n for n, v in values.items() if v == 0]),
        ("not finite", NONFINITE, [n for n, v in values.items() if v != 0]),
    ):
        if names:
            figure.add_scatter(
                x=[low] * len(names),
                y=[_label(n) for n in names],
                name=words,
                mode="markers+text",
                marker={"symbol": "x-thin", "size": 9, "line": {"width": 2, "color": color}},
                text=[f"  {format_value(values[n])}" for n in names],
                textposition="middle right",
                textfont={"color": color},
                cliponaxis=False,
                hovertemplate="%{y}<br>%{text}<extra></extra>",
            )


def _label(name: str) -> str:
    return chart_text(name, 36)
