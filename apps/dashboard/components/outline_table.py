"""The module outline as a table; a row leads to the page of its layer."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import state
import streamlit as st

from components import onward, outline, words
from torchvitals.present.text import printable


def show(rows: Sequence[outline.Row], total: int, run: str) -> None:
    """Draw the tree, `total` being the parameters of the whole network; the row that is picked is linked below."""
    names = [row.name for row in rows]
    named = state.chosen(state.LAYER, names)
    event = st.dataframe(
        pd.DataFrame(
            {
                "module": [printable(row.indented) for row in rows],
                "kind": [printable(row.kind) for row in rows],
                "shape": [row.shape for row in rows],
                "parameters": [row.parameters for row in rows],
                "share": [100 * row.parameters / max(total, 1) for row in rows],
                "activation": [row.activation for row in rows],
                "state": [row.state for row in rows],
            }
        ),
        hide_index=True,
        column_config=_COLUMNS,
        key=f"outline-{run}",
        on_select="rerun",
        selection_mode="single-row",
        selection_default=None if named is None else {"selection": {"rows": [named], "columns": [], "cells": []}},
        height=min(640, 38 + 35 * max(1, len(rows))),
        alt="Modules in forward order: name, class, output shape, parameters, share, activation, and whether they are trained",
    )
    picked = event["selection"]["rows"]
    row = rows[picked[0]] if picked and picked[0] < len(rows) else None
    state.choose(state.LAYER, row.name if row else None)
    _below(row)


_COLUMNS = {
    "module": st.column_config.TextColumn("Module", width=230),
    "kind": st.column_config.TextColumn("Class", width=150),
    "shape": st.column_config.TextColumn("Output", width=140, help="Of the last recorded forward pass, batch first"),
    "parameters": st.column_config.NumberColumn("Parameters", width=100, format="localized"),
    "share": st.column_config.ProgressColumn("Share", width=120, format="%.1f %%", min_value=0, max_value=100),
    "activation": st.column_config.TextColumn("Activation", width=90),
    "state": st.column_config.TextColumn("Parameters are", width=140),
}


def _below(row: outline.Row | None) -> None:
    if row is None:
        st.caption("Pick a row to go to its layer.")
    elif row.leaf:
        words.say(row.name)
        onward.link("layer", "All that was recorded of this layer", **{state.MODULE: row.name})
    else:
        words.say(f"{row.name} holds other modules; pick one of them to see its signals.")
