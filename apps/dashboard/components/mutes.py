"""Findings that a reader puts aside, each with the reason: kept for the session, and in the address of the findings page."""

from __future__ import annotations

from collections.abc import Mapping

import data
import state
import streamlit as st

from components import words
from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.finding import Why

LONGEST = 200  # characters of a reason
_KEPT = "_mutes"


def current() -> data.Mutes:
    """What is muted, by symptom: the session's, and what the address adds; a symptom that no rule knows is left out."""
    kept: dict[str, str] = st.session_state.setdefault(_KEPT, {})
    for text in st.query_params.get_all(state.MUTE):
        symptom, _, reason = text.partition(":")
        if symptom in data.symptoms():
            kept.setdefault(symptom, reason.strip()[:LONGEST] or "no reason given")
    return tuple(sorted(kept.items()))


def write_address() -> None:
    """Put what is muted into the address, so that a link shows the page as it is."""
    told = [f"{symptom}:{reason}" for symptom, reason in current()]
    if st.query_params.get_all(state.MUTE) != told:
        if told:
            st.query_params[state.MUTE] = told
        else:
            st.query_params.pop(state.MUTE, None)


def offer(symptom: str) -> None:
    """The button that puts a finding aside; a reason is asked for, because somebody else will read it."""
    if symptom not in data.symptoms():
        return
    # Its own key: the form of the finding that comes next is closed.
    with st.popover("Mute", key=f"mute-form-{symptom}", help="Put this symptom aside, in every run of this session"):
        reason = st.text_input("Why is this fine here?", key=f"mute-reason-{symptom}", max_chars=LONGEST)
        st.button(
            "Mute this symptom", key=f"mute-{symptom}", disabled=not reason.strip(), on_click=_mute, args=(symptom, reason)
        )


def show(diagnosis: Diagnosis) -> None:
    """What is muted here and elsewhere, with its reason; what this session muted can be taken back."""
    kept: Mapping[str, str] = st.session_state.get(_KEPT, {})
    muted = [s for s in diagnosis.aside if s.why == Why.LEFT_OUT and s.reason.startswith("muted")]
    if not muted:
        return
    with st.expander(f"Muted: {words.count(len(muted), 'rule was', 'rules were')} put aside"):
        for each in muted:
            left, right = st.columns([6, 1], vertical_alignment="center")
            with left:
                words.say(f"{each.rule}   ·   {each.reason.removeprefix('muted: ')}")
            if each.rule in kept:
                right.button("Unmute", key=f"unmute-{each.rule}", on_click=_unmute, args=(each.rule,))


def _mute(symptom: str, reason: str) -> None:
    st.session_state.setdefault(_KEPT, {})[symptom] = reason.strip()
    _forget_selection()


def _unmute(symptom: str) -> None:
    """Also out of the address, which would bring it back."""
    st.session_state.get(_KEPT, {}).pop(symptom, None)
    left = [text for text in st.query_params.get_all(state.MUTE) if text.partition(":")[0] != symptom]
    if left:
        st.query_params[state.MUTE] = left
    else:
        st.query_params.pop(state.MUTE, None)
    _forget_selection()


def _forget_selection() -> None:
    """The row that was picked is another one now."""
    st.query_params.pop(state.SYMPTOM, None)
