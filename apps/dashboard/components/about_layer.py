"""From a layer back to the findings that concern it."""

from __future__ import annotations

import state
import streamlit as st

from components import words
from torchvitals.core.diagnosis import Diagnosis
from torchvitals.present.grid import concerns

FINDINGS = "views/findings.py"


def show(diagnosis: Diagnosis, layer: str | None) -> None:
    """Links to the findings of a layer, or of the whole run when none is picked."""
    roots = [f for f in diagnosis.roots if layer is None or concerns(f, layer)]
    if layer is not None:
        words.say(layer)
    if not roots:
        st.text("No finding names this layer." if layer is not None else "No finding in this run.")
        st.page_link(FINDINGS, label="All findings →", query_params=_run_in_address())
    for finding in roots:
        query = {state.SYMPTOM: finding.symptom} | _run_in_address()
        st.page_link(FINDINGS, label=f"{finding.symptom} since step {finding.first_step:,} →", query_params=query)


def _run_in_address() -> dict[str, str]:
    return {state.RUN: st.query_params[state.RUN]} if state.RUN in st.query_params else {}
