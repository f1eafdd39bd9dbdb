"""Which tensor's distribution to look at: of weights, gradients or outputs, and of which layer."""

from __future__ import annotations

import state
import streamlit as st

from components import distribution
from torchvitals.core.run import Run
from torchvitals.core.series import HistogramSeries


def pick(run: Run, found: dict[str, dict[str, HistogramSeries]]) -> HistogramSeries:
    """Draw both pickers side by side and return what they name.

    A layer that the other kind has under another name (`fc1.weight`, `fc1`) stays chosen when the kind changes.
    """
    left, right = st.columns([2, 3], gap="large")
    with left:
        kind = st.segmented_control(
            "Distribution of",
            list(found),
            default=next(iter(found)),
            required=True,
            format_func=distribution.kind_title,
            key=state.KIND,
            bind="query-params",
            persist_state="session",
        )
    series = found.get(kind or "") or next(iter(found.values()))
    _keep_layer(run, list(series))
    with right:
        name = st.selectbox(
            "Layer",
            list(series),
            format_func=distribution.label,
            key=state.TENSOR,
            bind="query-params",
            persist_state="session",
            filter_mode="contains",
        )
    return series[name]


def _keep_layer(run: Run, names: list[str]) -> None:
    from components.layers import owner

    asked = st.session_state.get(state.TENSOR)
    if isinstance(asked, str) and asked not in names:
        st.session_state[state.TENSOR] = next((n for n in names if owner(run, n) == owner(run, asked)), names[0])
