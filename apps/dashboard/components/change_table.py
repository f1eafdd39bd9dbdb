"""What became of the findings from one run to another, and the numbers of both, as tables."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from components import words
from torchvitals.core.finding import Finding
from torchvitals.diagnosis.comparison import Change, KeyNumber
from torchvitals.present.text import printable
from torchvitals.present.theme import format_value

ICONS = {"new": "+", "no longer judged": "?", "same": "=", "fixed": "✔"}


def findings(changed: Sequence[Change]) -> None:
    """One row a symptom, new ones first."""
    rows = [
        (
            f"{ICONS[c.state]}  {c.state}",
            words.sign(c.finding.severity),
            c.symptom,
            words.place(c.finding),
            _since(c.before),
            _since(c.after),
            printable(c.finding.summary + (f" (other run: {c.reason})" if c.reason else "")),
        )
        for c in changed
    ]
    st.dataframe(
        pd.DataFrame(rows, columns=["Change", "Severity", "Symptom", "Where", "Baseline", "This run", "What"]),
        hide_index=True,
        column_config={
            "Change": st.column_config.TextColumn(width=140),
            "Severity": st.column_config.TextColumn(width=100),
            "Symptom": st.column_config.TextColumn(width=170),
            "Where": st.column_config.TextColumn(width=150),
            "Baseline": st.column_config.TextColumn(width=100),
            "This run": st.column_config.TextColumn(width=100),
            "What": st.column_config.TextColumn(width="large"),
        },
        alt="Findings of both runs: what is new, the same, fixed, or could not be judged again",
    )


def numbers(keys: Sequence[KeyNumber]) -> None:
    """One row a number, the baseline's beside this run's."""
    rows = [(printable(k.name), _value(k.before, k.unit), _value(k.after, k.unit), ratio(k), k.moved) for k in keys]
    st.dataframe(
        pd.DataFrame(rows, columns=["Number", "Baseline", "This run", "This run ÷ baseline", "So it is"]),
        hide_index=True,
        column_config={
            "Number": st.column_config.TextColumn(width=260),
            "Baseline": st.column_config.TextColumn(width=130, alignment="right"),
            "This run": st.column_config.TextColumn(width=130, alignment="right"),
            "This run ÷ baseline": st.column_config.TextColumn(width=150, alignment="right"),
            "So it is": st.column_config.TextColumn(width=110),
        },
        alt="Key numbers of both runs, their ratio, and whether this run is better or worse",
    )


def departed(found: Sequence[Finding]) -> None:
    """What lies outside the ranges of the baseline, folded."""
    if not found:
        return
    with st.expander(f"Outside the ranges of the baseline: {words.count(len(found), 'measure', 'measures')}"):
        st.text("\n".join(f"{words.sign(f.severity)}   {printable(f.summary)}" for f in found))


def ratio(key: KeyNumber) -> str:
    """How many times the baseline's number this run's is; empty where that has no meaning."""
    if key.before is None or key.after is None or not key.before:
        return ""
    return f"{format_value(key.after / key.before)} ×"


def _since(finding: Finding | None) -> str:
    return "–" if finding is None else f"step {finding.first_step:,}"


def _value(value: float | None, unit: str) -> str:
    return "not recorded" if value is None else format_value(value, unit)
