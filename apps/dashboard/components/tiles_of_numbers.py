"""A few numbers in a row, large, each with its word below."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from torchvitals.present.text import printable


def show(numbers: Mapping[str, str]) -> None:
    """Draw the numbers by their words; neither is read as Markdown."""
    with st.container(key="counts", horizontal=True, gap="large"):
        for place, (word, number) in enumerate(numbers.items()):
            with st.container(key=f"count-number-{place}", gap=None, width="content"):
                st.text(printable(number))
                st.text(printable(word))
