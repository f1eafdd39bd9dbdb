"""The series behind a finding, against the band a healthy run keeps."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from torchvitals.core.finding import Evidence, Finding
from torchvitals.core.run import Run
from torchvitals.core.series import HistogramSeries, Series, VectorSeries
from torchvitals.core.tag import Tag
from torchvitals.errors import TagError
from torchvitals.present.marks import add_line, add_nonfinite_rug, add_onsets, empty_figure, fit_y, new_figure
from torchvitals.present.text import chart_text
from torchvitals.present.theme import CATEGORICAL, HEALTHY_BAND, HEALTHY_EDGE, format_band

PERCENT_SPAN = 0.05  # an axis shorter than this would repeat the same whole per cent


def evidence_series(run: Run, finding: Finding) -> go.Figure:
    """The first evidence of a finding that the log can show; vectors and histograms as low, median and high."""
    shown = next(((e, lines) for e in finding.evidence if (lines := lines_of(run, e.tag))), None)
    if shown is None:
        return empty_figure("The evidence is a fact about the network or the loop, not a curve.")
    evidence, lines = shown
    figure = new_figure(240)
    for (name, series), color in zip(lines.items(), CATEGORICAL, strict=False):
        add_line(figure, series, name, color)
    values = np.concatenate([s.value for s in lines.values()])
    banded = _is_of(evidence, values)
    low, high, log = fit_y(figure, values, _roomy(evidence, values) if banded else ())
    if banded:
        _add_band(figure, evidence, low, high)
    add_nonfinite_rug(figure, list(lines.values()))
    add_onsets(figure, [finding], max(int(s.step[-1]) for s in lines.values()))
    if evidence.unit == "fraction" and not log and high - low > PERCENT_SPAN:
        figure.update_layout(yaxis_tickformat=".0%")
    return figure.update_layout(showlegend=True)


def lines_of(run: Run, tag: str) -> dict[str, Series]:
    """What the log holds under a tag, as series to draw by name; empty when it holds nothing."""
    try:
        key = Tag.parse(tag)
    except TagError:  # a fact of the manifest has no tag
        return {}
    if (scalar := run.scalars.get(key)) is not None and len(scalar):
        return {tag: scalar}
    if (vector := run.vectors.get(key)) is not None and len(vector):
        return _vector_lines(vector)
    if (histogram := run.histograms.get(key)) is not None and len(histogram):
        return _histogram_lines(histogram)
    return {}


def _vector_lines(vector: VectorSeries) -> dict[str, Series]:
    finite = [v[np.isfinite(v)] for v in vector.value]
    return {
        name: _series(vector, [float(np.quantile(v, share)) if v.size else np.nan for v in finite])
        for name, share in (("median unit", 0.5), ("lowest unit", 0.0), ("highest unit", 1.0))
    }


def _histogram_lines(histogram: HistogramSeries) -> dict[str, Series]:
    shares = (("median", 0.5), ("5 %", 0.05), ("95 %", 0.95))
    return {name: _series(histogram, [h.quantile(share) for h in histogram.value]) for name, share in shares}


def _series(source: VectorSeries | HistogramSeries, values: list[float]) -> Series:
    return Series(tag=source.tag, step=source.step, value=np.array(values, dtype=np.float64), unit=source.unit)


def _add_band(figure: go.Figure, evidence: Evidence, low: float, high: float) -> None:
    """Shade the healthy range between `low` and `high`; a side without a bound is shaded to the edge of the chart."""
    bounds = [b for b in (evidence.low, evidence.high) if b is not None and np.isfinite(b)]
    if not bounds:
        return
    bottom = low if evidence.low is None else max(evidence.low, low)
    top = high if evidence.high is None else min(evidence.high, high)
    figure.add_hrect(y0=bottom, y1=top, fillcolor=HEALTHY_BAND, line_width=0, layer="below")
    figure.add_scatter(  # a legend entry: words beside the band would collide with those of the onset
        x=[None],
        y=[None],
        name=chart_text(f"healthy: {format_band(evidence.low, evidence.high, evidence.unit)}", 60),
        mode="markers",
        marker={"symbol": "square", "size": 11, "color": HEALTHY_BAND, "line": {"width": 1, "color": HEALTHY_EDGE}},
        hoverinfo="skip",
    )


def _is_of(evidence: Evidence, values: np.ndarray) -> bool:
    """Whether the observed value can be a statistic of this curve: a band for a ratio of two curves belongs on neither."""
    finite = values[np.isfinite(values)]
    if not np.isfinite(evidence.observed) or not finite.size:
        return True
    low, high = finite.min(), finite.max()
    if low > 0:  # within a decade: the value may be a median over layers of which this curve is one
        return bool(low / 10 <= evidence.observed <= high * 10)
    room = high - low or abs(high)
    return bool(low - room <= evidence.observed <= high + room)


def _roomy(evidence: Evidence, values: np.ndarray) -> list[float]:
    """The bounds, and room beyond an open one, so that the band is seen even where no value reaches it."""
    low, high = evidence.low, evidence.high
    bounds = [b for b in (low, high) if b is not None and np.isfinite(b)]
    reach = np.concatenate([values[np.isfinite(values)], bounds])
    if not reach.size:
        return bounds
    if low is not None and high is None and low >= np.max(reach):
        beyond = low * (low / reach.min()) ** 0.2 if reach.min() > 0 else low + 0.2 * (low - reach.min())
        return [*bounds, float(beyond)]
    return bounds
