"""Filters & feature maps."""

from __future__ import annotations

import streamlit as st


def render() -> None:
    """The page."""
    st.markdown("# Filters & feature maps")


render()
