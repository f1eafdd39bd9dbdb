"""Helpful states: what is missing, and the call that would produce it. Never a traceback."""

from __future__ import annotations

import streamlit as st

from components.words import say

ATTACH = 'vitals = torchvitals.watch(model, optimizer, logdir="runs/a", loss_fn=loss_fn)'


def show(title: str, explanation: str, *, code: str = "", detail: str = "") -> None:
    """Say what is not there and what to do; `detail` may hold text from a log or the file system."""
    with st.container(key="empty"):
        say(title)
        say(explanation)
        if detail:
            st.code(detail, language=None, wrap_lines=True)
        if code:
            st.code(code, language="python", wrap_lines=True)
