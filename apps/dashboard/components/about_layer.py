"""From a layer on to its own page, and back to the findings that concern it."""

from __future__ import annotations

import state
import streamlit as st

from components import frame, layers, words
from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.run import Run
from torchvitals.present.grid import concerns
from torchvitals.present.text import printable

FINDINGS, LAYER = "views/findings.py", "views/layer.py"
MOST = 8  # links below one another


def show(diagnosis: Diagnosis, layer: str | None) -> None:
    """Links to a layer's findings and to its own page; to those of the whole run when none is picked."""
    if layer is not None:
        words.say(layer)
    findings(diagnosis, layer)
    if layer is not None:
        link(frame.current().run, layer)


def link(run: Run, subject: str) -> None:
    """A link to the page of the layer that a subject of the log belongs to."""
    query = {state.MODULE: printable(layers.owner(run, subject))} | _run_in_address()  # as the picker shows it
    st.page_link(LAYER, label="Everything of this layer →", query_params=query)


def row(run: Run, diagnosis: Diagnosis, subject: str) -> None:
    """The link to a layer's page, and beside it those to its findings when there are any."""
    with st.container(horizontal=True, gap="medium"):
        link(run, subject)
        if any(concerns(f, subject) for f in diagnosis.roots):
            findings(diagnosis, subject)


def everything(diagnosis: Diagnosis, layer: str) -> None:
    """Links to all findings that concern a layer, those that follow from others among them."""
    found = [f for f in diagnosis.findings if concerns(f, layer)]
    if not found:
        st.text("No finding names this layer.")
    for finding in found[:MOST]:
        cause = f", follows from {finding.caused_by}" if finding.caused_by else ""
        query = {state.SYMPTOM: finding.caused_by or finding.symptom} | _run_in_address()
        label = f"{finding.symptom} since step {finding.first_step:,}{cause} →"
        st.page_link(FINDINGS, label=label, query_params=query)


def findings(diagnosis: Diagnosis, layer: str | None) -> None:
    """Links to the root findings that concern a layer; of the whole run when it is None."""
    roots = [f for f in diagnosis.roots if layer is None or concerns(f, layer)]
    if not roots:
        st.text("No finding names this layer." if layer is not None else "No finding in this run.")
        st.page_link(FINDINGS, label="All findings →", query_params=_run_in_address())
    for finding in roots[:MOST]:
        query = {state.SYMPTOM: finding.symptom} | _run_in_address()
        st.page_link(FINDINGS, label=f"{finding.symptom} since step {finding.first_step:,} →", query_params=query)


def _run_in_address() -> dict[str, str]:
    return {state.RUN: st.query_params[state.RUN]} if state.RUN in st.query_params else {}
