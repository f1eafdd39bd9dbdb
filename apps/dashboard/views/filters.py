"""Filters & feature maps: what the weights look for, and what they find in a sample."""

from __future__ import annotations

import state
import streamlit as st
from components import filter_panels, frame, look_picker


def render() -> None:
    """The page."""
    run = frame.current().run
    st.markdown("# Filters & feature maps")
    layers = filter_panels.layers(run)
    picker, slider = st.columns([1, 2], gap="large")
    with slider:
        step = look_picker.pick(run, filter_panels.PICTURES)
    if step is None and not layers:
        look_picker.say_missing(
            "No filters or feature maps were recorded in this run",
            "They are looked at a few times during training, on samples that you hold out as a probe:",
        )
        return
    step = step or 0  # what is left without pictures is drawn over all steps
    if layers:
        layer = picker.selectbox("Layer", layers, key=state.MODULE, bind="query-params", persist_state="session")
        filter_panels.show_filters(run, layer, step)
        filter_panels.show_health(run, layer)
        filter_panels.show_maps(run, layer, step)
    filter_panels.show_attention(run, step)


render()
