"""The rules that found nothing and those that could not judge: told apart, because absence of data is not health."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from components import words
from torchvitals.core.diagnosis import Diagnosis


def show(diagnosis: Diagnosis) -> None:
    """Folded tables: not measured, clean, not applicable, and what was lost while reading."""
    if diagnosis.unjudged:
        with st.expander(f"Not measured: {words.count(len(diagnosis.unjudged), 'rule', 'rules')} could not judge"):
            _table([(s.rule, s.reason) for s in diagnosis.unjudged], "Why it could not judge")
    if diagnosis.clean:
        with st.expander(f"Clean: {words.count(len(diagnosis.clean), 'rule', 'rules')} looked and found nothing"):
            _table([(c.rule, c.reason) for c in diagnosis.clean], "What it saw")
    if diagnosis.aside:
        with st.expander(f"Not applicable: {words.count(len(diagnosis.aside), 'rule', 'rules')} had nothing to judge here"):
            _table([(s.rule, s.reason) for s in diagnosis.aside], "Why there was nothing")
    if diagnosis.problems:
        with st.expander(f"Reading the log: {words.count(len(diagnosis.problems), 'remark', 'remarks')}"):
            for problem in diagnosis.problems:
                words.say(problem)


def _table(rows: list[tuple[str, str]], reason: str) -> None:
    st.dataframe(
        pd.DataFrame(rows, columns=["Symptom", reason]),
        hide_index=True,
        column_config={"Symptom": st.column_config.TextColumn(width=220), reason: st.column_config.TextColumn(width="large")},
        alt=f"Symptom and {reason.lower()}",
    )
