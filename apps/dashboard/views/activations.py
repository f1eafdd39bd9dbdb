"""Activations: which layers are silent or saturated, then one of them unit by unit."""

from __future__ import annotations

from functools import partial

import state
import streamlit as st
from components import about_layer, activation_detail, chart, empty, frame, layer_order
from components.measures import Measure, available

from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.run import Run

SHOWN = ("dead_fraction", "saturated_fraction", "activation_rms", "activation_std", "activation_mean")
ORDERS = {"forward": "As computed", "worst": "Worst first"}


def render() -> None:
    """The page."""
    opened = frame.current()
    st.markdown("# Activations")
    measures = {m.name: m for m in available(opened.run) if m.name in SHOWN}
    if not measures:
        empty.show(
            "No activations were recorded in this run",
            "What each layer puts out is looked at from the step on at which this line runs:",
            code=empty.ATTACH,
        )
        return
    signal, order = st.columns([3, 2], gap="large")
    with signal:
        name = st.segmented_control(
            "Measure",
            list(measures),
            default=next(iter(measures)),
            required=True,
            format_func=lambda n: measures[n].title,
            key=state.SIGNAL,
            bind="query-params",
            persist_state="session",
        )
    measure = measures.get(name or "") or next(iter(measures.values()))
    with order:
        sort = _order()
    with st.container(key="meaning"):
        st.text(measure.meaning)
    _map(opened.run, opened.diagnosis, measure, sort)
    _one_layer(opened.run, opened.diagnosis, measure)


def _order() -> str:
    picked = st.segmented_control(
        "Layers",
        list(ORDERS),
        default="forward",
        required=True,
        format_func=ORDERS.__getitem__,
        key=state.SORT,
        bind="query-params",
        persist_state="session",
    )
    return picked or "forward"


def _map(run: Run, diagnosis: Diagnosis, measure: Measure, sort: str) -> None:
    from torchvitals.present.figures.layer_heatmap import layer_heatmap

    shown = layer_order.worst_first(run, measure) if sort == "worst" else run
    chart.draw(
        partial(layer_heatmap, shown, measure=measure.name, findings=diagnosis.roots, clickable=False),
        key="heatmap",
        alt=f"{measure.title} of every layer at every step, {'worst' if sort == 'worst' else 'input'} on top",
    )


def _one_layer(run: Run, diagnosis: Diagnosis, measure: Measure) -> None:
    st.markdown("#### One layer")
    left, right = st.columns([2, 3], gap="large", vertical_alignment="bottom")
    with left:
        layer = activation_detail.pick(run, measure)
    with right:
        about_layer.row(run, diagnosis, layer)
    activation_detail.show(run, layer)


render()
