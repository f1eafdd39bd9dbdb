"""The rules that found nothing and those that could not judge: told apart, because absence of data is not health."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from components import mutes, words
from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.finding import Why
from torchvitals.present.text import printable

REMARKS = 50  # of those about the log: after that they say the same


def show(diagnosis: Diagnosis) -> None:
    """Folded tables: not measured, clean, muted, not applicable, and what was lost while reading."""
    if diagnosis.unjudged:
        with st.expander(f"Not measured: {words.count(len(diagnosis.unjudged), 'rule', 'rules')} could not judge"):
            _table([(s.rule, s.reason) for s in diagnosis.unjudged], "Why it could not judge")
    if diagnosis.clean:
        with st.expander(f"Clean: {words.count(len(diagnosis.clean), 'rule', 'rules')} looked and found nothing"):
            _table([(c.rule, c.reason) for c in diagnosis.clean], "What it saw")
    mutes.show(diagnosis)
    aside = [s for s in diagnosis.aside if s.why == Why.NOT_APPLICABLE]
    if aside:
        with st.expander(f"Not applicable: {words.count(len(aside), 'rule', 'rules')} had nothing to judge here"):
            _table([(s.rule, s.reason) for s in aside], "Why there was nothing")
    unselected = [s for s in diagnosis.aside if s.why == Why.LEFT_OUT and not s.reason.startswith("muted")]
    if unselected:
        with st.expander(f"Not selected: {words.count(len(unselected), 'rule was', 'rules were')} left out by the settings"):
            _table([(s.rule, s.reason) for s in unselected], "Why it was left out")
    if diagnosis.problems:
        with st.expander(f"Reading the log: {words.count(len(diagnosis.problems), 'remark', 'remarks')}"):
            for problem in diagnosis.problems[:REMARKS]:
                words.say(problem)
            if len(diagnosis.problems) > REMARKS:
                st.text(f"… and {len(diagnosis.problems) - REMARKS:,} more.")


def _table(rows: list[tuple[str, str]], reason: str) -> None:
    st.dataframe(
        pd.DataFrame([(rule, printable(why)) for rule, why in rows], columns=["Symptom", reason]),
        hide_index=True,
        column_config={"Symptom": st.column_config.TextColumn(width=220), reason: st.column_config.TextColumn(width="large")},
        alt=f"Symptom and {reason.lower()}",
    )
