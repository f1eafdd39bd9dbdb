"""Links to other pages that keep the run, and the baseline, that are open."""

from __future__ import annotations

import state
import streamlit as st

_KEPT = (state.RUN, state.BASELINE)


def link(view: str, label: str, **query: str) -> None:
    """A link to the page of `views/`; `label` holds no text from a log, `query` what is chosen there."""
    kept = {key: st.query_params[key] for key in _KEPT if key in st.query_params}
    st.page_link(f"views/{view}.py", label=f"{label} →", query_params=kept | query)
