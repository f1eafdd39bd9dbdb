"""The run that the open one is compared with."""

from __future__ import annotations

from pathlib import Path

import data
import state
import streamlit as st

from components import empty
from torchvitals.errors import TorchvitalsError


def pick() -> tuple[str, data.Opened] | None:
    """The name of the baseline and what it holds; None when there is none, and the page says why."""
    runs = data.list_runs(data.roots())
    here = st.session_state.get(state.RUN)
    names = [name for name in runs if name != here]
    if not names:
        empty.show(
            "There is only this run",
            "A second run below the same folder can be compared with it: one before a change, say, and one after.",
        )
        return None
    if st.session_state.get(state.BASELINE) not in names:  # "no other run" of the learning curves, which use the same key
        st.session_state.pop(state.BASELINE, None)
    name = st.selectbox(
        "Compared with",
        names,
        key=state.BASELINE,
        bind="query-params",
        persist_state="session",
        filter_mode="contains",
        width=360,
        help="The baseline: what this run is compared with",
    )
    opened = _open(runs[name or names[0]])
    return None if opened is None else (name or names[0], opened)


def _open(path: Path) -> data.Opened | None:
    try:
        return data.open_run(path)
    except (TorchvitalsError, OSError) as error:
        empty.show("This run cannot be read", "Pick another one to compare with.", detail=str(error))
    except Exception as error:
        # A damaged file can fail anywhere in a parser; the page stays up and says which.
        empty.show("This run cannot be read", "It does not look like a log.", detail=f"{type(error).__name__}: {error}")
    return None
