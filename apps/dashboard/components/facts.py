"""A few numbers in a row, each with its word below."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from components import words


def tiles(facts: Mapping[str, str], tones: Mapping[str, str] | None = None) -> None:
    """Draw the facts by their word; a tone (`critical`, `warning`, `info`, `quiet`) colours the number."""
    with st.container(key="counts", horizontal=True, gap="large"):
        for place, (word, value) in enumerate(facts.items()):
            tone = (tones or {}).get(word, "plain")
            with st.container(key=f"count-{tone}-{place}", gap=None, width="content"):
                words.say(value)
                words.say(word)
