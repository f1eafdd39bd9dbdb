"""Attributions & predictions."""

from __future__ import annotations

import streamlit as st


def render() -> None:
    """The page."""
    st.markdown("# Attributions & predictions")


render()
