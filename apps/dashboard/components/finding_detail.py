"""One finding in full: why we think so, what to change, what should be seen afterwards, what follows from it."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from components import chart, finding_links, mutes, rule_docs, words
from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.finding import Evidence, Finding
from torchvitals.core.run import Run
from torchvitals.present.text import printable
from torchvitals.present.theme import format_band, format_steps, format_value


def show(run: Run, diagnosis: Diagnosis, finding: Finding) -> None:
    """Draw the finding below the table."""
    with st.container(key="finding"):
        with st.container(key=f"finding-head-{finding.severity.value}", gap=None):
            words.say(f"{words.sign(finding.severity)}   ·   {finding.symptom}")
            if finding is not diagnosis.roots[0]:  # the verdict above says it already
                words.say(finding.summary)
            words.say(
                f"{words.located(finding)}   ·   {format_steps(finding.first_step, finding.last_step)}   ·   {finding.code}"
            )
        with st.container(key="finding-links", horizontal=True, gap="medium", vertical_alignment="center"):
            finding_links.show(run, finding)
            mutes.offer(finding.symptom)
        left, right = st.columns([3, 2], gap="large")
        with left:
            _figure(run, finding)
        with right:
            st.markdown("##### Why we think so")
            for place, evidence in enumerate(finding.evidence):
                _evidence(evidence, place)
        _remedies(finding)
        _consequences(diagnosis, finding)
        rule_docs.show(finding.symptom)


def _figure(run: Run, finding: Finding) -> None:
    from torchvitals.present.figures.evidence import evidence_series

    sentences = " ".join(e.sentence for e in finding.evidence)
    chart.draw(partial(evidence_series, run, finding), key="evidence", alt=f"{finding.symptom} over the steps. {sentences}")


def _evidence(evidence: Evidence, place: int) -> None:
    with st.container(key=f"evidence-{place}", gap=None):
        words.say(evidence.sentence or evidence.tag)
        band = format_band(evidence.low, evidence.high, evidence.unit)
        if band or evidence.tag:  # a fact of the manifest is said by its sentence alone
            words.say(format_value(evidence.observed, evidence.unit) + (f"   ·   healthy: {band}" if band else ""))


def _remedies(finding: Finding) -> None:
    if not finding.remedies:
        return
    with st.container(key="remedies"):
        head = st.columns([1, 12, 12], gap="small")
        head[1].markdown("##### What to change")
        head[2].markdown("##### What you should see")
        for place, remedy in enumerate(finding.remedies, start=1):
            row = st.columns([1, 12, 12], gap="small")
            row[0].text(f"{place}")
            row[1].text(printable(remedy.change))
            row[2].text(printable(remedy.expect))


def _consequences(diagnosis: Diagnosis, finding: Finding) -> None:
    children = diagnosis.children(finding)
    if not children:
        return
    with st.expander(f"What follows from it ({len(children)})"):
        rows = [(c.severity.value, c.symptom, words.place(c), c.first_step, printable(c.summary)) for c in children]
        st.dataframe(
            pd.DataFrame(rows, columns=["Severity", "Symptom", "Where", "Since step", "What"]),
            hide_index=True,
            alt="Findings that this one explains",
        )
