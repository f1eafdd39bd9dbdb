"""Data & loop: what goes into the network, what is asked of it, and how the loop treats it."""

from __future__ import annotations

import pandas as pd
import streamlit as st
from components import data_facts, data_signals, empty, facts, frame, rule_table, signals, words

from torchvitals.core.manifest import Manifest
from torchvitals.core.run import Run
from torchvitals.present.text import printable

GROUPS = {"Inputs": data_signals.INPUT, "Targets and outputs": data_signals.TARGETS, "The loop": data_signals.LOOP}


def render() -> None:
    """The page."""
    opened = frame.current()
    run, diagnosis = opened.run, opened.diagnosis
    st.markdown("# Data & loop")
    if found := data_facts.facts(run):
        facts.tiles(found)
    every = tuple(s for group in GROUPS.values() for s in group)
    if any(s.recorded(run) for s in every):
        st.markdown("#### What the rules say")
        rule_table.show(diagnosis, data_signals.RULES, alt="What the rules say of the data and the loop")
        _charts(run)
        signals.missing(run, every)
    else:
        empty.show(
            "Neither data nor loop were measured in this run",
            "Inputs are seen by themselves. Targets and outputs are seen where the loss is a module that watch knows, or where "
            "the loop hands them over:",
            code=f"{empty.ATTACH}\n…\nvitals.step(loss, inputs=inputs, outputs=outputs, targets=targets)",
        )
    if run.manifest is not None:
        _unseen(run.manifest)


def _charts(run: Run) -> None:
    for title, group in GROUPS.items():
        if any(s.recorded(run) for s in group):
            st.markdown(f"#### {title}")
            signals.grid(run, group)


def _unseen(manifest: Manifest) -> None:
    st.markdown("#### What was not seen")
    if not manifest.unseen:
        st.text("The recorder has seen all it looked for.")
        return
    st.text(f"{words.count(len(manifest.unseen), 'thing', 'things')} the recorder could not look at, and why.")
    st.dataframe(
        pd.DataFrame([(printable(u.subject), printable(u.reason)) for u in manifest.unseen], columns=["What", "Why"]),
        hide_index=True,
        column_config={"What": st.column_config.TextColumn(width=260), "Why": st.column_config.TextColumn(width="large")},
        alt="What the recorder could not look at, and why",
    )


render()
