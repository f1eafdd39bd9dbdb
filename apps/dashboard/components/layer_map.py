"""The heat map of layers and steps: a click on it chooses both, and a network of many layers is folded to fit."""

from __future__ import annotations

from functools import partial

import plotly.graph_objects as go
import state
import streamlit as st

from components import chart, step_picker
from components.measures import Measure, standing_out
from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.run import Run
from torchvitals.present.figures.layer_bar import values_at
from torchvitals.present.fold import deepest, fitting_depth, folded, rows

KEY = "layer-map"
EVERY = "every layer"
_TAKEN = "_layer_map_click"
_CLICKS = "_layer_map_clicks"  # how many clicks there have been: the table below starts anew with each


def pick_depth(run: Run, diagnosis: Diagnosis, measure: Measure) -> int | None:
    """How many parts of a name make a row; None: a row for every layer."""
    names = list(rows(run, measure.name, diagnosis.roots))
    options = [EVERY, *(_words(d) for d in range(1, deepest(names)))]
    fitting = fitting_depth(names)
    index = 0 if fitting == deepest(names) else fitting
    if len(options) < 2:
        return None
    chosen = st.selectbox("Rows", options, index=index, key=state.DEPTH, bind="query-params")
    return None if chosen == EVERY else options.index(chosen)


def take_click(run: Run, diagnosis: Diagnosis, measure: Measure) -> None:
    """Turn a new click into the chosen layer and step, before anything that shows them is drawn."""
    event = st.session_state.get(KEY) or {}
    points = (event.get("selection") or {}).get("points") or []
    cell = tuple((points[0].get("customdata") or ())[:2]) if points else ()
    if len(cell) != 2 or cell == st.session_state.get(_TAKEN):
        return
    st.session_state[_TAKEN] = cell
    step, row = int(cell[0]), str(cell[1])
    values = values_at(run, measure.name, step, findings=diagnosis.roots)
    inside = {n: v for n, v in values.items() if n == row or n.startswith(f"{row}.")}
    if not inside:  # of another run or measure
        return
    st.session_state[state.STEP] = step_picker.nearest(step_picker.options(run, measure.name), step)
    st.session_state[_CLICKS] = clicks() + 1
    state.choose(state.LAYER, standing_out(inside, measure.worst)[0])


def clicks() -> int:
    """How many clicks on the map this session has seen."""
    return int(st.session_state.get(_CLICKS, 0))


def draw(run: Run, diagnosis: Diagnosis, measure: Measure, depth: int | None) -> None:
    """The map; rows of blocks when it is folded."""
    what = "layer" if depth is None else "block"
    alt = f"{measure.title} of every {what} at every step, input on top"
    build = partial(_figure, run, diagnosis, measure, depth)
    try:
        figure = build()
    except Exception:  # said where every chart says it
        chart.draw(build, key=KEY, alt=alt)
        return
    st.plotly_chart(
        figure,
        key=KEY,
        alt=alt,
        on_select="rerun",
        selection_mode="points",
        config={"displaylogo": False, "displayModeBar": False},
    )


def _figure(run: Run, diagnosis: Diagnosis, measure: Measure, depth: int | None) -> go.Figure:
    from torchvitals.present.figures.layer_heatmap import layer_heatmap

    shown, findings = (run, diagnosis.roots) if depth is None else folded(run, measure.name, depth, diagnosis.roots)
    return layer_heatmap(shown, measure=measure.name, findings=findings, clickable=True)


def _words(depth: int) -> str:
    return f"blocks of {depth} name part{'s' if depth > 1 else ''}"
