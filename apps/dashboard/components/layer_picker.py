"""The layer of the Layer page: by name, or one forward and one back."""

from __future__ import annotations

from functools import partial

import state
import streamlit as st

from torchvitals.present.text import printable


def pick(names: list[str]) -> str:
    """Draw the picker between its two buttons; an address that names no layer of this run means the first."""
    asked = st.session_state.get(state.MODULE)
    if isinstance(asked, str) and asked not in names:  # chosen on another page, or in another run
        st.session_state[state.MODULE] = names[0]
    back, middle, forth = st.columns([1.3, 6, 1.3], vertical_alignment="bottom", gap="small")
    with middle:
        picked = st.selectbox(
            "Layer", names, format_func=printable, key=state.MODULE, bind="query-params", filter_mode="contains"
        )
    name = picked or names[0]
    place = names.index(name)
    with back:
        _button("← Previous", names[place - 1] if place else None)
    with forth:
        _button("Next →", names[place + 1] if place + 1 < len(names) else None)
    return name


def _button(label: str, target: str | None) -> None:
    """A button that goes to a layer; its name is in the picker and not on the button, which would read it as Markdown."""
    st.button(label, disabled=target is None, on_click=partial(_go, target), width="stretch", key=f"go-{label}")


def _go(target: str | None) -> None:
    if target is not None:
        st.session_state[state.MODULE] = target
