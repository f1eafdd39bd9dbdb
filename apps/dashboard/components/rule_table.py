"""What some of the rules say of a run: found, clear, not measured or nothing to judge, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
import streamlit as st

from components import words
from torchvitals.core.diagnosis import Diagnosis
from torchvitals.present.text import printable
from torchvitals.present.theme import mark


def show(diagnosis: Diagnosis, rules: Sequence[str], *, alt: str) -> None:
    """One row a rule that judged, or could not; what there was nothing for comes last."""
    rows = list(rows_of(diagnosis, rules))
    if not rows:
        st.text("No rule has looked at this in this run.")
        return
    st.dataframe(
        pd.DataFrame(rows, columns=["State", "Symptom", "What it saw"]),
        hide_index=True,
        column_config={
            "State": st.column_config.TextColumn(width=130),
            "Symptom": st.column_config.TextColumn(width=200),
            "What it saw": st.column_config.TextColumn(width="large"),
        },
        alt=alt,
    )


def rows_of(diagnosis: Diagnosis, rules: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """State, symptom and reason of each outcome: findings, what could not be judged, what is clear, what is not there."""
    wanted = set(rules)
    for finding in diagnosis.findings:
        if finding.symptom in wanted:
            yield words.sign(finding.severity), finding.symptom, printable(finding.summary)
    for skipped in diagnosis.unjudged:
        if skipped.rule in wanted:
            yield f"{mark('unknown').icon}  {skipped.why}", skipped.rule, printable(skipped.reason)
    for clean in diagnosis.clean:
        if clean.rule in wanted:
            yield f"{mark('healthy').icon}  clear", clean.rule, printable(clean.reason)
    for skipped in diagnosis.aside:
        if skipped.rule in wanted:
            yield f"–  {skipped.why}", skipped.rule, printable(skipped.reason)
