"""What the address bar holds: the names of the query parameters, each read in one place.

A key that is bound to a widget (`bind="query-params"`) must not be written through `st.query_params` as well; the two that
belong to table rows cannot be bound and are written here.
"""

from __future__ import annotations

import streamlit as st

RUN = "run"  # bound: the run picker
MEASURE = "measure"  # bound: which measure the gradient-flow page shows
STEP = "step"  # bound: the step its bars show
BASELINE = "baseline"  # bound: the run that this one is compared with
STEPS = "steps"  # first and last step of the range that is shown, `100-400`
MODULE = "module"  # bound: the layer of the Layer page
SYMPTOM = "symptom"  # row of the findings table
LAYER = "layer"  # row of the layers table


def chosen(key: str, options: list[str]) -> int | None:
    """The row that the address names; None when it names none, or one that is not there any more."""
    wanted = st.query_params.get(key)
    return options.index(wanted) if wanted in options else None


def choose(key: str, value: str | None) -> None:
    """Write a table's selection into the address, so that the page can be shared as it is."""
    if value is None:
        st.query_params.pop(key, None)
    elif st.query_params.get(key) != value:
        st.query_params[key] = value
