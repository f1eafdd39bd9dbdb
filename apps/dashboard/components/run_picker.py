"""Which run is open: a picker by name, and a table of all of them with what is known of each."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import data
import pandas as pd
import state
import streamlit as st

from components import words
from torchvitals.present.text import printable

LISTED = 500  # rows of the table; the filter reaches all
OPEN = "all-runs"  # whether the table is open
_ADDRESS = "_run_in_address"
_WANTED = "_run_wanted"


def pick(runs: dict[str, Path]) -> str:
    """Draw the picker; the run's name stands in the address whether it was chosen or is only the latest."""
    told = st.query_params.get(state.RUN)
    if (wanted := st.session_state.pop(_WANTED, None)) in runs:  # a row of the table
        st.session_state[state.RUN] = wanted
        st.session_state[OPEN] = False
    elif told in runs and told != st.session_state.get(_ADDRESS):  # a link or the back button
        st.session_state[state.RUN] = told
    with st.container(key="run-picker", horizontal=True, vertical_alignment="bottom", gap="small", width="content"):
        name = st.selectbox("Run", list(runs), key=state.RUN, persist_state="session", filter_mode="contains", width=360)
        if len(runs) > 1:
            table = st.popover("All runs", key=OPEN, on_change="rerun")
            if table.open:  # looking at the times of a thousand logs is for those who ask
                with table:
                    _table(runs, name)
    if told != name:
        st.query_params[state.RUN] = name
    st.session_state[_ADDRESS] = name
    return name


def _table(runs: dict[str, Path], name: str) -> None:
    wanted = st.text_input("Filter by name", key="run-filter", placeholder="part of a name").strip().lower()
    names = [n for n in runs if wanted in n.lower()]
    if not names:
        st.text("No run of that name.")
        return
    shown = names[:LISTED]
    event = st.dataframe(
        pd.DataFrame(
            {
                "verdict": [_verdict(runs[n]) for n in shown],
                "run": [printable(n) for n in shown],
                "written": [datetime.fromtimestamp(data.latest(runs[n]) // 10**9) for n in shown],
            }
        ),
        hide_index=True,
        column_config=_COLUMNS,
        key=f"runs-{name}-{wanted}",
        on_select="rerun",
        selection_mode="single-row",
        width=560,
        height=min(400, 38 + 35 * len(shown)),
        alt="Runs below this folder, latest first: the verdict where it is known, the name, and when it was last written",
    )
    rows = event["selection"]["rows"]
    if rows and rows[0] < len(shown) and shown[rows[0]] != name:
        st.session_state[_WANTED] = shown[rows[0]]
        st.rerun()  # before anything of the run that is left is read
    if len(names) > LISTED:
        st.text(f"The latest {LISTED:,} of {len(names):,}; filter by name to see others.")


_COLUMNS = {
    "verdict": st.column_config.TextColumn("Verdict", width=110, help="Known for the runs that were opened here"),
    "run": st.column_config.TextColumn("Run", width=260),
    "written": st.column_config.DatetimeColumn("Last written", width=150, format="YYYY-MM-DD HH:mm"),
}


def _verdict(path: Path) -> str:
    known = data.known_verdict(path)
    return words.sign(known) if known else "not opened"
