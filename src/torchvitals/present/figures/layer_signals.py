"""Everything that was measured of one layer, as small curves side by side."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from torchvitals.core.finding import Finding
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.present.axes import ValueAxis, value_axis
from torchvitals.present.downsample import thin
from torchvitals.present.marks import empty_figure
from torchvitals.present.text import chart_text
from torchvitals.present.theme import CATEGORICAL, NONFINITE, mark, template

COLUMNS = 3
PANEL_PX, GAP_PX, MARGIN_PX = 128, 64, 62
POINTS = 400  # a panel is hardly as many pixels wide
# What a measure speaks of, by its name; the first that fits.
GROUPS = (
    ("Units", r"dead_|saturated_|firing_|activation_cosine|twin_rows|forget_gate|memory_"),
    ("Gradient", r"grad"),
    ("Update", r"update|epsilon|second_moment"),
    ("Weights", r"weight|spectral"),
    ("Output", r"activation|batch_norm|attention|evaluation_mode"),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SignalGroup:
    """Measures that speak of one thing: for each its lines, by what they are of inside the layer."""

    title: str
    lines: Mapping[str, Mapping[str, Series]]
    colors: Mapping[str, str]  # of each line name; the same in all groups of a layer


def signal_groups(run: Run, layer: str, subjects: Sequence[str]) -> tuple[SignalGroup, ...]:
    """The scalars of a layer by what they speak of, the output first, the update last.

    At most ten lines share a panel. Counts of values that are not finite are left out where they are zero throughout.
    """
    by_group: dict[str, dict[str, dict[str, Series]]] = {}
    wanted = set(subjects)
    for tag, series in run.scalars.items():
        if tag.subject not in wanted or not len(series) or (tag.measure.startswith("nonfinite_") and not series.value.any()):
            continue
        title = next((t for t, pattern in GROUPS if re.search(pattern, tag.measure)), "Other")
        inside = tag.subject.removeprefix(layer).lstrip("./") or "output"
        by_group.setdefault(title, {}).setdefault(tag.measure, {})[inside] = series
    order = ("Output", "Units", "Gradient", "Weights", "Update", "Other")
    names = dict.fromkeys(name for group in by_group.values() for lines in group.values() for name in lines)
    ranked = sorted(names, key=lambda n: (n != "output", n != "weight"))
    colors = dict(zip(ranked, CATEGORICAL, strict=False))
    return tuple(SignalGroup(title=t, lines=by_group[t], colors=colors) for t in order if t in by_group)


def layer_signals(group: SignalGroup, *, findings: Sequence[Finding] = ()) -> go.Figure:
    """One small panel a measure, each on its own axis, all over the same steps; dotted lines where findings began."""
    if not group.lines:
        return empty_figure("Nothing was recorded of this layer.")
    rows = -(-len(group.lines) // COLUMNS)
    total = rows * PANEL_PX + (rows - 1) * GAP_PX
    figure = make_subplots(
        rows=rows,
        cols=COLUMNS,
        vertical_spacing=GAP_PX / total if rows > 1 else 0,
        horizontal_spacing=0.07,
        subplot_titles=[chart_text(m.replace("_", " ").capitalize(), 34) for m in group.lines],
    )
    named: set[str] = set()
    for place, lines in enumerate(group.lines.values()):
        kept = {n: s for n, s in lines.items() if n in group.colors}
        if kept:
            _add_small(figure, kept, group.colors, place, named)
    _align_titles(figure)
    first, last = _reach(group)
    for finding in findings:
        if first <= finding.first_step <= last:
            line = {"color": mark(finding.severity).chart, "width": 1.2, "dash": "dot"}
            figure.add_vline(x=finding.first_step, line=line, layer="below")
    room = 0.02 * (last - first) or 0.5
    figure.update_xaxes(title_text="", range=[first - room, last + room], nticks=4, tickformat=",d" if last - first > 4 else "")
    figure.update_layout(
        template=template(), height=total + MARGIN_PX, margin={"t": 34, "b": 8}, showlegend=len(named) > 1, hovermode="closest"
    )
    return figure.update_layout(legend={"x": 1, "xanchor": "right", "y": 1 + 26 / total})


def _add_small(figure: go.Figure, lines: Mapping[str, Series], colors: Mapping[str, str], place: int, named: set[str]) -> None:
    """One panel: its lines, and crosses at its foot for steps that were not finite; `named` has its legend entry already."""
    row, col = place // COLUMNS + 1, place % COLUMNS + 1
    axis = value_axis([s.value for s in lines.values()])
    for name, series in lines.items():
        thinned = thin(series, POINTS)
        figure.add_scatter(
            x=thinned.step,
            y=axis.drawn(thinned.value),
            name=chart_text(name, 40),
            legendgroup=chart_text(name),
            showlegend=name not in named,
            mode="lines+markers" if np.isfinite(series.value).sum() <= 3 else "lines",
            line={"color": colors[name], "width": 1.7},
            marker={"size": 5},
            hovertemplate="step %{x:,}<br>%{y:.4g}<extra>" + chart_text(name, 40) + "</extra>",
            row=row,
            col=col,
        )
        named.add(name)
    _add_crosses(figure, lines, axis, row, col)
    unit = "fraction" if any(s.unit == "fraction" for s in lines.values()) else ""
    layout = axis.layout(fraction=unit == "fraction")
    figure.update_yaxes(**(layout | ({} if axis.log else {"nticks": 4})), row=row, col=col)


def _add_crosses(figure: go.Figure, lines: Mapping[str, Series], axis: ValueAxis, row: int, col: int) -> None:
    steps = np.unique(np.concatenate([s.step[~np.isfinite(s.value)] for s in lines.values()]))
    if len(steps):
        steps = steps[:: -(-len(steps) // POINTS)]
        figure.add_scatter(
            x=steps,
            y=[axis.foot] * len(steps),
            name="not finite",
            showlegend=False,
            mode="markers",
            marker={"symbol": "x-thin", "size": 7, "line": {"width": 1.6, "color": NONFINITE}},
            hovertemplate="step %{x:,}<br>not finite<extra></extra>",
            row=row,
            col=col,
        )


def _align_titles(figure: go.Figure) -> None:
    """Titles stand over the left end of their panel, where a reader's eye begins."""
    for title, axis in zip(figure.layout.annotations, figure.select_xaxes(), strict=False):
        title.update(x=axis.domain[0], xanchor="left")


def _reach(group: SignalGroup) -> tuple[int, int]:
    """First and last step of anything in the group."""
    every = [s.step for lines in group.lines.values() for s in lines.values()]
    return min(int(s[0]) for s in every), max(int(s[-1]) for s in every)
