"""Layer: everything that is known of one layer, on one page with an address of its own."""

from __future__ import annotations

import state
import streamlit as st
from components import about_layer, distribution, empty, frame, layer_facts, layer_picker, layer_signals, layers
from components.measures import available
from components.onward import link

from torchvitals.core.run import Run
from torchvitals.present.text import printable

OF_OUTPUTS = ("dead_fraction", "saturated_fraction", "activation_rms")


def render() -> None:
    """The page."""
    opened = frame.current()
    run, diagnosis = opened.run, opened.diagnosis
    st.markdown("# Layer")
    names = layers.names(run)
    if not names:
        empty.show(
            "No layer is known of this run",
            "The layers of a network, and what happens in each, come from one line:",
            code=empty.ATTACH,
        )
        return
    layer = layer_picker.pick(names)
    subjects = layers.subjects(run, layer)
    layer_facts.show(run, layer)
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("#### In the findings")
        about_layer.everything(diagnosis, layer)
    with right:
        st.markdown("#### On the other pages")
        _elsewhere(run, layer, subjects)
    drawn = layer_signals.curves(run, diagnosis, layer, subjects)
    drawn += layer_signals.distributions(run, subjects)
    if not drawn:
        st.text("Nothing was measured of this layer: no recorded pass went through it, or it has no parameters.")


def _elsewhere(run: Run, layer: str, subjects: list[str]) -> None:
    """Links to this layer among the others; an address names an option as its picker shows it."""
    wanted = set(subjects)
    measure = next((m.name for m in available(run) if wanted & set(run.by_subject(m.name))), None)
    if measure is not None:
        subject = next(s for s in run.by_subject(measure) if s in wanted)
        link("gradient_flow", "Among all layers, step by step", **{state.MEASURE: measure, state.LAYER: subject})
    signal = next((m for m in available(run) if m.name in OF_OUTPUTS and layer in run.by_subject(m.name)), None)
    if signal is not None:
        link("activations", "Its units and outputs", **{state.SIGNAL: signal.title, state.MODULE: printable(layer)})
    for kind, found in distribution.recorded(run).items():
        name = next((n for n, s in found.items() if s.tag.subject in wanted), None)
        if name is not None:
            query = {state.KIND: distribution.kind_title(kind), state.TENSOR: printable(name)}
            link("weights", f"Its {_plural(kind)}, step by step", **query)


def _plural(kind: str) -> str:
    return distribution.kind_title(kind).lower() if kind != distribution.OTHERS else "histograms"


render()
