"""Gradient flow: every layer at every step in one picture, then all layers at one step."""

from __future__ import annotations

from functools import partial

import state
import streamlit as st
from components import about_layer, chart, empty, frame, layer_map, layer_table, step_picker
from components.measures import Measure, available, standing_out

from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.run import Run
from torchvitals.present.fold import FIT, folded, only, row_of


def render() -> None:
    """The page."""
    opened = frame.current()
    st.markdown("# Gradient flow")
    measures = {m.name: m for m in available(opened.run)}
    if not measures:
        empty.show(
            "No layer was measured in this run",
            "Gradient norms, updates and activations of each layer come from one line:",
            code=empty.ATTACH,
        )
        return
    switch, rows, slider = st.columns([2, 2, 3], gap="large")
    measure = measures[
        switch.selectbox("Measure", list(measures), key=state.MEASURE, bind="query-params", persist_state="session")
    ]
    layer_map.take_click(opened.run, opened.diagnosis, measure)
    with rows:
        depth = layer_map.pick_depth(opened.run, opened.diagnosis, measure)
    with slider:
        step = step_picker.pick(opened.run, measure.name)
    with st.container(key="meaning"):
        st.text(f"{measure.meaning} Click the map to choose a layer and a step.")
    layer_map.draw(opened.run, opened.diagnosis, measure, depth)
    _one_step(opened.run, opened.diagnosis, measure, step, depth)


def _one_step(run: Run, diagnosis: Diagnosis, measure: Measure, step: int, depth: int | None) -> None:
    left, right = st.columns([3, 2], gap="large")
    with right:
        st.markdown("#### Layers that stand out")
        layer = layer_table.pick(run, diagnosis, measure, step)
        st.markdown("#### In the findings")
        about_layer.show(diagnosis, layer)
    with left:
        _bars(run, diagnosis, measure, step, depth, layer)


def _bars(run: Run, diagnosis: Diagnosis, measure: Measure, step: int, depth: int | None, layer: str | None) -> None:
    from torchvitals.present.figures.layer_bar import layer_bar, values_at

    shown, findings = (run, diagnosis.roots) if depth is None else folded(run, measure.name, depth, diagnosis.roots)
    chosen = layer if depth is None or layer is None else row_of(layer, depth)
    what = "layers" if depth is None else "blocks"
    values = values_at(shown, measure.name, step, findings=findings)
    title = f"All {what} at step {step:,}"
    if len(values) > FIT:  # more bars than a screen has room for
        title = f"{FIT} of {len(values):,} {what} at step {step:,}"
        chosen_too = [chosen] if chosen in values else []
        names = dict.fromkeys([*chosen_too, *standing_out(values, measure.worst)])
        shown = only(shown, measure.name, list(names)[:FIT])
    st.markdown(f"#### {title}")
    chart.draw(
        partial(layer_bar, shown, measure.name, step, layer=chosen, findings=findings),
        key="bars",
        alt=f"{measure.title}: {title}, input on top",
    )


render()
