"""Attributions & predictions: how good the answers are, where they go wrong, and what they rest on."""

from __future__ import annotations

import streamlit as st
from components import attribution_panel, frame, look_picker, predictions


def render() -> None:
    """The page."""
    run = frame.current().run
    st.markdown("# Attributions & predictions")
    step = look_picker.pick(run, predictions.MEASURES | attribution_panel.MEASURES)
    if step is None:
        look_picker.say_missing(
            "No predictions or attributions were recorded in this run",
            "They are made a few times during training, on samples that you hold out as a probe:",
        )
        return
    predictions.show(run, step)
    attribution_panel.show(run, step)


render()
