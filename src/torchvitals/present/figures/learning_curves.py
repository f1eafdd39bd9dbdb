"""Loss, metrics, gradient norm and learning rate over the same steps, and when each finding held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from torchvitals.core.finding import Finding
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.present.axes import Scale, ValueAxis, value_axis
from torchvitals.present.downsample import thin
from torchvitals.present.marks import empty_figure
from torchvitals.present.panels import Panel, colors, panels
from torchvitals.present.smooth import smoothed
from torchvitals.present.text import chart_text
from torchvitals.present.theme import MUTED, NONFINITE, ZERO, format_steps, format_value, mark, template
from torchvitals.present.timeline import Timeline
from torchvitals.present.tint import tint

Clock = Literal["step", "time"]
MOST_FINDINGS = 6
LANE_PX, LOSS_PX, OTHER_PX, GAP_PX, MARGIN_PX = 24, 300, 120, 46, 78
MOST_MARKS = 500
FEW = 40  # finite points up to which each is marked: one alone would make no line
SHORTEST_BAR = 0.004  # of the width: a finding of a single step is seen, too


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Drawn:
    """One panel on its axis, and where it stands."""

    panel: Panel
    axis: ValueAxis
    row: int

    @property
    def number(self) -> str:
        """What Plotly appends to the names of this panel's axes and legend: nothing for the first."""
        return str(self.row) if self.row > 1 else ""


def learning_curves(
    run: Run,
    *,
    findings: Sequence[Finding] = (),
    baseline: Run | None = None,
    trivial: float | None = None,
    scale: Scale = "auto",
    smoothing: float = 0.0,
    clock: Clock = "step",
    between: tuple[int, int] | None = None,
) -> go.Figure:
    """One panel a quantity, the loss on top, above it a lane for each finding from its first step to its last.

    Args:
        run: What to draw.
        findings: Root findings, the worst first; at most six get a lane.
        baseline: A run to compare with, drawn dashed in the same colours.
        trivial: Loss of the best prediction that ignores its input, where it is known.
        scale: Of the loss; everything else is logarithmic when it spans decades.
        smoothing: Weight of the past in an exponential mean, 0 to 1 exclusive; the raw values stay, faint.
        clock: Steps, or seconds since the first record.
        between: First and last step to show; the whole run when None.
    """
    shown = panels(run)
    if not shown:
        return empty_figure("Nothing was recorded that a learning curve can be made of.")
    reference = {} if baseline is None else {p.title: p for p in panels(baseline)}
    times = Timeline.of(run, clock)
    findings = [f for f in findings if f.caused_by is None][:MOST_FINDINGS]
    lanes = 1 if findings else 0
    figure = _stacked(len(shown), len(findings))
    for i, panel in enumerate(shown):
        other = reference.get(panel.title)
        values = [s.value for p in (panel, other) if p for s in p.lines.values()]
        bounds = [np.array([trivial])] if trivial is not None and panel.title == "Loss" else []
        axis = value_axis([*values, *bounds], scale if panel.title == "Loss" else "auto")
        drawn = _Drawn(panel=panel, axis=axis, row=i + 1 + lanes)
        _add_panel(figure, drawn, times, smoothing, compared=other is not None)
        if other is not None and baseline is not None:
            _add_reference(figure, _Drawn(panel=other, axis=axis, row=drawn.row), Timeline.of(baseline, clock), baseline.name)
        if bounds:
            _add_trivial(figure, drawn, float(bounds[0][0]))
    _add_findings(figure, findings, times)
    _set_steps(figure, times, between)
    return figure


def _stacked(panel_count: int, finding_count: int) -> go.Figure:
    """Empty panels below one another on one step axis, each as tall as it needs."""
    heights = [LOSS_PX] + [OTHER_PX] * (panel_count - 1)
    if finding_count:
        heights = [LANE_PX * finding_count, *heights]
    gaps = GAP_PX * (len(heights) - 1)
    total = sum(heights) + gaps
    figure = make_subplots(
        rows=len(heights), shared_xaxes=True, row_heights=[h / sum(heights) for h in heights], vertical_spacing=GAP_PX / total
    )
    figure.update_layout(
        template=template(), height=total + MARGIN_PX, margin={"t": 30, "b": 8}, hovermode="closest", bargap=0.2
    )
    return figure


def _add_panel(figure: go.Figure, drawn: _Drawn, times: Timeline, smoothing: float, *, compared: bool) -> None:
    panel = drawn.panel
    legend = f"legend{drawn.number}"
    for (name, series), color in zip(panel.lines.items(), colors(panel), strict=False):
        entry = {"legend": legend, "showlegend": len(panel.lines) > 1 or panel.title == "Loss" or compared}
        if smoothing > 0 and len(series) > 2:
            _add_line(figure, drawn, times, series, name, color=tint(color, 0.28), width=1.0, showlegend=False)
            series = smoothed(series, smoothing)
        _add_line(figure, drawn, times, series, name, color=color, width=1.9, **entry)
    _add_foot(figure, drawn, times)
    figure.update_yaxes(**drawn.axis.layout(fraction=panel.fraction), row=drawn.row, col=1)
    domain = figure.layout[f"yaxis{drawn.number}"].domain
    figure.update_layout({legend: {"x": 1, "xanchor": "right", "y": domain[1], "yanchor": "bottom", "orientation": "h"}})
    figure.add_annotation(
        text=chart_text(panel.title, 60),
        x=0,
        y=domain[1],
        xref="paper",
        yref="paper",
        xanchor="left",
        yanchor="bottom",
        yshift=6,
        showarrow=False,
        font={"size": 14, "weight": 600},
    )


def _add_line(
    figure: go.Figure, drawn: _Drawn, times: Timeline, series: Series, name: str, *, color: str, width: float, **how: object
) -> None:
    """A series as a line, points as well when there are few; steps that have no place on the axis are gaps."""
    thinned = thin(series)
    dash = how.pop("dash", "solid")
    figure.add_scatter(
        x=times.at(thinned.step),
        y=drawn.axis.drawn(thinned.value),
        customdata=thinned.step,
        name=chart_text(name, 48),
        mode="lines+markers" if np.isfinite(series.value).sum() <= FEW else "lines",
        line={"color": color, "width": width, "dash": dash},
        marker={"size": 4.5, "color": color},
        hovertemplate="step %{customdata:,}<br>%{y:.4g}<extra>" + chart_text(name, 48) + "</extra>",
        row=drawn.row,
        col=1,
        **how,
    )


def _add_reference(figure: go.Figure, drawn: _Drawn, times: Timeline, run: str) -> None:
    """The same quantity of the run to compare with: dashed, behind, named after its run."""
    legend = f"legend{drawn.number}"
    for (name, series), color in zip(drawn.panel.lines.items(), colors(drawn.panel), strict=False):
        label = f"{name} · {run}"
        _add_line(figure, drawn, times, series, label, color=tint(color, 0.7), width=1.5, dash="dot", legend=legend)


def _add_foot(figure: go.Figure, drawn: _Drawn, times: Timeline) -> None:
    """Marks along the foot for steps without a place on the axis: a gap alone would hide the worst ones."""
    lines = drawn.panel.lines.values()
    for words, color, where in (
        ("not finite", NONFINITE, [~np.isfinite(s.value) for s in lines]),
        ("zero or below", ZERO, [np.isfinite(s.value) & np.isnan(drawn.axis.drawn(s.value)) for s in lines]),
    ):
        bad = [(s, int(i)) for s, marked in zip(lines, where, strict=True) for i in np.flatnonzero(marked)]
        if not bad:
            continue
        first = min(int(s.step[i]) for s, i in bad)
        bad = bad[:: -(-len(bad) // MOST_MARKS)]
        figure.add_scatter(
            x=times.at(np.array([s.step[i] for s, i in bad])),
            y=[drawn.axis.foot] * len(bad),
            name=f"{words}, from step {first:,}",
            mode="markers",
            marker={"symbol": "x-thin", "size": 8, "line": {"width": 2, "color": color}},
            text=[
                f"step {int(s.step[i]):,}<br>{chart_text(str(s.tag), 60)} is {format_value(float(s.value[i]))}" for s, i in bad
            ],
            hovertemplate="%{text}<extra></extra>",
            legend=f"legend{drawn.number}",
            row=drawn.row,
            col=1,
        )


def _add_trivial(figure: go.Figure, drawn: _Drawn, loss: float) -> None:
    """The line that a network has to leave: what guessing without looking at the input reaches."""
    line = {"color": MUTED, "width": 1.4, "dash": "dash"}
    figure.add_hline(y=loss, row=drawn.row, col=1, line=line, layer="below")
    figure.add_scatter(  # a legend entry: words on the line would collide with the curves
        x=[None],
        y=[None],
        name=f"best constant prediction {format_value(loss)}",
        mode="lines",
        line=line,
        hoverinfo="skip",
        legend=f"legend{drawn.number}",
        row=drawn.row,
        col=1,
    )


def _add_findings(figure: go.Figure, findings: Sequence[Finding], times: Timeline) -> None:
    """A lane each: a bar from first step to last with its name in it, and a line down through all panels at the onset."""
    if not findings:
        return
    start, end = times.ends
    rows = len(list(figure.select_yaxes()))
    for lane, finding in enumerate(findings):
        sign = mark(finding.severity)
        first, last = (float(t) for t in times.at(np.array([finding.first_step, max(finding.first_step, finding.last_step)])))
        figure.add_bar(
            orientation="h",
            base=[first],
            x=[max(last - first, SHORTEST_BAR * (end - start))],
            y=[lane],
            marker={"color": tint(sign.chart, 0.2), "line": {"width": 0}, "cornerradius": 4},
            name=chart_text(finding.symptom, 60),
            hovertext=f"{chart_text(finding.symptom, 60)}<br>{format_steps(finding.first_step, finding.last_step)}",
            hovertemplate="%{hovertext}<extra></extra>",
            showlegend=False,
            row=1,
            col=1,
        )
        late = first > start + 0.6 * (end - start)
        figure.add_annotation(
            text=f"{sign.icon} {chart_text(finding.symptom, 48)}",
            x=last if late else first,
            y=lane,
            xref="x",
            yref="y",
            xanchor="right" if late else "left",
            xshift=-6 if late else 6,
            showarrow=False,
            font={"size": 12.5, "color": sign.chart},
        )
        for axis in ("y", *(f"y{row}" for row in range(2, rows + 1))):  # not between the panels, where their titles stand
            figure.add_shape(
                type="line",
                x0=first,
                x1=first,
                y0=0,
                y1=1,
                xref="x",
                yref=f"{axis} domain",
                layer="below",
                line={"color": sign.chart, "width": 1.2, "dash": "dot"},
            )
    figure.update_yaxes(row=1, col=1, range=[len(findings) - 0.5, -0.5], visible=False, fixedrange=True)


def _set_steps(figure: go.Figure, times: Timeline, between: tuple[int, int] | None) -> None:
    """The step axis of all panels: its range, and its words below the last."""
    start, end = times.ends
    if between is not None:
        start, end = (float(t) for t in times.at(np.array(between)))
    room = 0.012 * (end - start) or 0.5
    figure.update_xaxes(range=[start - room, end + room], title_text="", **times.ticks())
    *_, last = figure.select_xaxes()
    last.update(title_text=times.title)
