"""Put a figure of the package on the page: described for those who cannot see it, and never a traceback."""

from __future__ import annotations

from collections.abc import Callable

import plotly.graph_objects as go
import streamlit as st

from torchvitals.present.text import printable


def draw(build: Callable[[], go.Figure], *, key: str, alt: str) -> None:
    """Draw what `build` returns; `alt` says in words what the chart shows."""
    try:
        figure = build()
    except Exception as error:
        # One chart that fails on a strange log must not take the verdict down with it.
        st.text("This chart could not be drawn from this log.")
        st.code(f"{type(error).__name__}: {error}", language=None, wrap_lines=True)
        return
    st.plotly_chart(figure, key=key, alt=printable(alt), config={"displaylogo": False, "displayModeBar": False})
