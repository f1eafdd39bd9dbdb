"""Signals of a run as small charts, two in a row: what each is called, what it tells, and what draws it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import plotly.graph_objects as go
import streamlit as st

from components import chart
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.present.figures.layer_heatmap import layer_heatmap
from torchvitals.present.figures.series_lines import MOST, series_lines

_WHOLE = frozenset({"model", "train", "loop", "val", "test"})  # subjects that are the run itself, and no layer


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One chart of a page."""

    title: str
    meaning: str
    recorded: Callable[[Run], bool]
    draw: Callable[[Run], go.Figure]
    zero: Callable[[Run], bool] = lambda _run: False  # whether it was 0 at every look, so that a sentence says it all


def lines(title: str, meaning: str, *measures: str, unit: str = "", guide: float | None = None) -> Signal:
    """The curves of some measures; one measure of more layers than lines can be told apart becomes a heat map."""

    def draw(run: Run) -> go.Figure:
        found = lines_of(run, measures)
        if len(found) > MOST and len(measures) == 1:
            return layer_heatmap(run, measures[0], clickable=False)
        return series_lines(found, unit=unit, guide=guide)

    return Signal(
        title=title,
        meaning=meaning,
        recorded=lambda run: bool(lines_of(run, measures)),
        draw=draw,
        zero=lambda run: all(bool((s.value == 0).all()) for s in lines_of(run, measures).values()),
    )


def lines_of(run: Run, measures: Sequence[str]) -> dict[str, Series]:
    """The recorded series of the measures, by what tells them apart: the layer, the measure, or both."""
    found: dict[str, Series] = {}
    for measure in measures:
        for subject, series in run.by_subject(measure).items():
            if len(series):
                layer = "" if subject in _WHOLE else subject
                name = (f"{measure} of {layer}" if layer else measure) if len(measures) > 1 else (layer or measure)
                found[name] = series
    return found


def grid(run: Run, signals: Sequence[Signal]) -> None:
    """Draw those that were recorded; what was 0 throughout takes a line and no chart."""
    recorded = [s for s in signals if s.recorded(run)]
    zero = [s for s in recorded if s.zero(run)]
    for pair in _pairs([s for s in recorded if s not in zero]):
        for column, signal in zip(st.columns(2, gap="large"), pair, strict=False):
            with column:
                show(run, signal)
    if zero:
        st.text(f"Zero at every look: {', '.join(s.title.lower() for s in zero)}.")


def show(run: Run, signal: Signal) -> None:
    """One chart below its title and what it tells."""
    with st.container(gap="small"):
        st.markdown(f"##### {signal.title}")
        st.caption(signal.meaning)
        chart.draw(
            partial(signal.draw, run), key=f"signal-{signal.title}", alt=f"{signal.title} over the steps. {signal.meaning}"
        )


def missing(run: Run, signals: Sequence[Signal]) -> None:
    """Say, folded, which signals this run does not hold."""
    absent = [s for s in signals if not s.recorded(run)]
    if not absent:
        return
    with st.expander(f"Not in this run: {len(absent)} of {len(signals)} signals"):
        st.text("\n".join(f"{s.title}: {s.meaning}" for s in absent))


def _pairs(signals: Sequence[Signal]) -> Iterator[tuple[Signal, ...]]:
    rest = iter(signals)
    while pair := tuple(islice(rest, 2)):
        yield pair
