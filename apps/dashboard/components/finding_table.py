"""The root findings as a table; a row can be picked with mouse or keyboard."""

from __future__ import annotations

import pandas as pd
import state
import streamlit as st

from components import words
from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.finding import Finding
from torchvitals.core.run import Run


def pick(run: Run, diagnosis: Diagnosis) -> Finding:
    """Draw the table and return the finding that is selected; the worst one when none is."""
    roots = diagnosis.roots
    names = _distinct([f.symptom for f in roots])
    shown = state.chosen(state.SYMPTOM, names) or 0
    event = st.dataframe(
        _rows(run, roots),
        hide_index=True,
        column_config=_COLUMNS,
        key=f"findings-{run.path or run.name}",
        on_select="rerun",
        selection_mode="single-row-required",
        selection_default={"selection": {"rows": [shown], "columns": [], "cells": []}},
        row_height=44,
        alt="Root findings, worst first: severity, symptom, layer, first step, evidence over time and the first remedy",
    )
    rows = event["selection"]["rows"]
    row = rows[0] if rows and rows[0] < len(roots) else shown
    if rows:
        state.choose(state.SYMPTOM, names[row])
    return roots[row]


_COLUMNS = {
    "severity": st.column_config.TextColumn("Severity", width=110),
    "symptom": st.column_config.TextColumn("Symptom", width=190),
    "where": st.column_config.TextColumn("Where", width=220),
    "since": st.column_config.NumberColumn("Since step", width=90, format="localized"),
    "evidence": st.column_config.LineChartColumn("Evidence", width=150),
    "remedy": st.column_config.TextColumn("First thing to change", width="large"),
}


def _rows(run: Run, roots: tuple[Finding, ...]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "severity": [words.sign(f.severity) for f in roots],
            "symptom": [f.symptom for f in roots],
            "where": [words.place(f) for f in roots],
            "since": [f.first_step for f in roots],
            "evidence": [_sparkline(run, f) for f in roots],
            "remedy": [f.remedies[0].change if f.remedies else "" for f in roots],
        }
    )


def _sparkline(run: Run, finding: Finding) -> list[float]:
    from torchvitals.present.figures.sparkline import sparkline

    try:
        return list(sparkline(run, finding))
    except Exception:  # a cell without its line is better than a page without its table
        return []


def _distinct(symptoms: list[str]) -> list[str]:
    """A name for each row: a symptom found twice gets a number, so that a link leads to the right one."""
    return [s if symptoms.index(s) == i else f"{s}.{symptoms[:i].count(s) + 1}" for i, s in enumerate(symptoms)]
