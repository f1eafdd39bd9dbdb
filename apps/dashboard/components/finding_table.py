"""The root findings as a table; a row can be picked with mouse or keyboard."""

from __future__ import annotations

import pandas as pd
import state
import streamlit as st

from components import words
from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.finding import Finding, Severity
from torchvitals.core.run import Run
from torchvitals.present.text import printable

SHOWN = 200  # rows: a log that breaks every rule in every layer must not bring the page down


def pick(run: Run, diagnosis: Diagnosis) -> Finding:
    """Draw the table and return the finding that is selected; the worst one when none is."""
    roots = _filtered(diagnosis.roots)[:SHOWN]
    names = _distinct([f.symptom for f in roots])
    shown = state.chosen(state.SYMPTOM, names) or 0
    event = st.dataframe(
        _rows(run, diagnosis, roots),
        hide_index=True,
        column_config=_COLUMNS,
        key="-".join(["findings", run.path or run.name, *st.session_state.get(state.SEVERITY, [])]),
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
    "symptom": st.column_config.TextColumn("Symptom", width=185),
    "where": st.column_config.TextColumn("Where", width=170),
    "since": st.column_config.NumberColumn("Since step", width=85, format="localized"),
    "evidence": st.column_config.LineChartColumn("Evidence", width=130),
    "explains": st.column_config.TextColumn("Explains", width=80),
    "remedy": st.column_config.TextColumn("First thing to change", width="large"),
}


def _filtered(roots: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Only the severities that are picked, all when none is; the picker is there when there is a choice."""
    there = [s.value for s in reversed(Severity) if any(f.severity == s for f in roots)]
    if len(there) < 2:
        return roots
    picked = st.pills(
        "Severity",
        there,
        selection_mode="multi",
        format_func=words.sign,
        key=state.SEVERITY,
        bind="query-params",
        label_visibility="collapsed",
    )
    return tuple(f for f in roots if f.severity.value in picked) or roots


def _rows(run: Run, diagnosis: Diagnosis, roots: tuple[Finding, ...]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "severity": [words.sign(f.severity) for f in roots],
            "symptom": [f.symptom for f in roots],
            "where": [words.place(f) for f in roots],
            "since": [f.first_step for f in roots],
            "explains": [f"{n} more" if (n := len(diagnosis.children(f))) else "" for f in roots],
            "evidence": [_sparkline(run, f) for f in roots],
            "remedy": [printable(f.remedies[0].change) if f.remedies else "" for f in roots],
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
