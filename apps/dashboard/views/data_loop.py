"""Data & loop."""

from __future__ import annotations

import streamlit as st


def render() -> None:
    """The page."""
    st.markdown("# Data & loop")


render()
