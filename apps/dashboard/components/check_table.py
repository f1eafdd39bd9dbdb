"""The checklist as a table, and one item of it in full."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pandas as pd
import state
import streamlit as st

from components import onward, rule_table, words
from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.run import Run
from torchvitals.diagnosis.checklist import Item
from torchvitals.present.text import printable
from torchvitals.present.theme import mark

NOTE = "note"  # row of the checklist, in the address
ICONS = {"not measured": "?", "to look at": "→", "not built yet": "…", "clear": mark("healthy").icon, "not applicable": "–"}
# Where an item is seen, by the start of its id; what a rule has found leads to the finding instead.
PAGES: tuple[tuple[str, str, str], ...] = (
    ("C1a", "architecture", "Activations in the architecture"),
    ("C1b", "weights", "Weights over the steps"),
    ("C1c", "weights", "Weights at the first step"),
    ("C1d", "gradient_flow", "Gradient flow"),
    ("C1e", "gradient_flow", "Gradient flow"),
    ("C1f", "sequences", "Recurrent & attention"),
    ("C2c", "weights", "Weights over the steps"),
    ("C2g", "learning_curves", "Learning curves"),
    ("C2", "data_loop", "Data & loop"),
    ("C3a", "filters", "Filters"),
    ("C3b", "filters", "Feature maps"),
    ("C3c", "activations", "Activations over the steps"),
    ("C3d", "attributions", "Predictions"),
    ("S30", "data_loop", "Data & loop"),
    ("S3", "sequences", "Recurrent & attention"),
    ("S4", "activations", "Activations"),
    ("S5", "activations", "Activations"),
    ("S21", "attributions", "Predictions"),
    ("S22", "attributions", "Predictions"),
    ("S29", "attributions", "Predictions"),
    ("S23", "architecture", "Architecture"),
    ("S24", "architecture", "Architecture"),
    ("S25", "architecture", "Architecture"),
    *((f"S{n}", "data_loop", "Data & loop") for n in (16, 17, 18, 19, 20, 26, 27, 6)),
    *((f"S{n}", "weights", "Weights") for n in (7, 8, 15)),
    *((f"S{n}", "learning_curves", "Learning curves") for n in (9, 10, 11, 12, 13, 14, 28)),
    *((f"S{n}", "gradient_flow", "Gradient flow") for n in (1, 2)),
)


def pick(run: Run, items: Sequence[Item]) -> Item | None:
    """Draw the table; the item that is selected, or None."""
    notes = [item.note for item in items]
    named = state.chosen(NOTE, notes)
    event = st.dataframe(
        pd.DataFrame(
            {
                "state": [sign(item) for item in items],
                "note": notes,
                "list": [item.list for item in items],
                "meaning": [item.meaning for item in items],
                "why": [printable(item.why) for item in items],
            }
        ),
        hide_index=True,
        column_config=_COLUMNS,
        key=f"checklist-{run.path or run.name}-{len(items)}",
        on_select="rerun",
        selection_mode="single-row",
        selection_default=None if named is None else {"selection": {"rows": [named], "columns": [], "cells": []}},
        height=min(620, 38 + 35 * max(1, len(items))),
        alt="The checklist, worst first: state, item, the list it stands in, what to look at, and why",
    )
    rows = event["selection"]["rows"]
    item = items[rows[0]] if rows and rows[0] < len(items) else None
    state.choose(NOTE, item.note if item else None)
    return item


_COLUMNS = {
    "state": st.column_config.TextColumn("State", width=135),
    "note": st.column_config.TextColumn("Item", width=60),
    "list": st.column_config.TextColumn("List", width=135),
    "meaning": st.column_config.TextColumn("What to look at", width=330),
    "why": st.column_config.TextColumn("Why", width="large"),
}


def sign(item: Item) -> str:
    """The state as glyph and word; of what was found the severity."""
    if item.severity is not None:
        return f"{mark(item.severity).icon}  found"
    return f"{ICONS[item.state]}  {item.state}"


def show(item: Item, diagnosis: Diagnosis) -> None:
    """One item: what every rule that serves it said, what is missing, and where to see it."""
    with st.container(key="finding"):
        words.say(f"{item.note}   ·   {item.meaning}")
        if item.rules:
            symptoms = (*item.rules, *(f.symptom for f in item.findings))
            rule_table.show(diagnosis, symptoms, alt=f"What the rules behind {item.note} say")
        if item.checks:
            words.say(f"Served by: {', '.join(item.checks)}.")
        if item.not_built:
            words.say(f"Not built yet: {item.not_built}.")
        _links(item, {root.symptom for root in diagnosis.roots})


def _links(item: Item, roots: Collection[str]) -> None:
    for symptom in dict.fromkeys(f.caused_by or f.symptom for f in item.findings):
        if symptom in roots:
            onward.link("findings", f"The evidence: {symptom}", **{state.SYMPTOM: symptom})
    page = page_of(item.note)
    if page is not None:
        onward.link(page[0], page[1])


def page_of(note: str) -> tuple[str, str] | None:
    """The page an item is seen on, and the words of its link; the more exact name wins.

    Example:
        >>> page_of("C2e")
        ('data_loop', 'Data & loop')
    """
    exact = next(((page, label) for start, page, label in PAGES if start == note), None)
    return exact or next(((page, label) for start, page, label in PAGES if start == note[:2] and note[0] == "C"), None)
