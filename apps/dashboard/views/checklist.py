"""Checklist: the looks to take when a training fails, each with what this run says of it."""

from __future__ import annotations

import state
import streamlit as st
from components import check_table, empty, facts, frame

from torchvitals.diagnosis.checklist import STATES, Item, checklist
from torchvitals.diagnosis.engine import all_rules
from torchvitals.diagnosis.notes import coverage

TONES = {"found": "critical", "not measured": "info"}


def render() -> None:
    """The page."""
    opened = frame.current()
    st.markdown("# Checklist")
    items = checklist(opened.diagnosis, coverage(all_rules()))
    amounts = {s: sum(i.state == s for i in items) for s in STATES}
    facts.tiles(
        {word: f"{amount}" for word, amount in amounts.items()},
        {word: TONES.get(word, "plain") if amount else "quiet" for word, amount in amounts.items()},
    )
    wanted = st.pills("Show", list(STATES), selection_mode="multi", key=state.STATE, bind="query-params")
    shown = [i for i in items if not wanted or i.state in wanted]
    if not shown:
        empty.show("No item is in this state", "Take the choice above back to see the others.")
        return
    item: Item | None = check_table.pick(opened.run, shown)
    if item is None:
        st.caption("Pick a row to see what each rule behind it says, and where to look.")
    else:
        check_table.show(item, opened.diagnosis)


render()
