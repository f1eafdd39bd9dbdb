"""Gradient flow: every layer at every step in one picture, then all layers at one step."""

from __future__ import annotations

from functools import partial

import state
import streamlit as st
from components import about_layer, chart, empty, frame, layer_table, step_picker
from components.measures import Measure, available

from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.run import Run


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
    switch, slider = st.columns([1, 2], gap="large")
    name = switch.selectbox(
        "Measure",
        list(measures),
        key=state.MEASURE,
        bind="query-params",
        persist_state="session",
    )
    with slider:
        step = step_picker.pick(opened.run, name)
    with st.container(key="meaning"):
        st.text(measures[name].meaning)
    _pictures(opened.run, opened.diagnosis, measures[name], step)


def _pictures(run: Run, diagnosis: Diagnosis, measure: Measure, step: int) -> None:
    from torchvitals.present.figures.layer_bar import layer_bar
    from torchvitals.present.figures.layer_heatmap import layer_heatmap

    chart.draw(
        partial(layer_heatmap, run, measure=measure.name, findings=diagnosis.roots, clickable=False),
        key="heatmap",
        alt=f"{measure.title} of every layer at every step, input on top",
    )
    left, right = st.columns([3, 2], gap="large")
    with right:
        st.markdown("#### Layers that stand out")
        layer = layer_table.pick(run, diagnosis, measure, step)
        st.markdown("#### In the findings")
        about_layer.show(diagnosis, layer)
    with left:
        st.markdown(f"#### All layers at step {step:,}")
        chart.draw(
            partial(layer_bar, run, measure.name, step, layer=layer, findings=diagnosis.roots),
            key="bars",
            alt=f"{measure.title} of every layer at step {step}, input on top",
        )


render()
