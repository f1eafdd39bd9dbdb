"""Charts of what is a vector at each step: one subject of several, chosen by the reader."""

from __future__ import annotations

from functools import partial

import streamlit as st

from components import chart
from torchvitals.core.run import Run
from torchvitals.present.figures.vector_map import vector_map


def show(run: Run, measure: str, *, title: str, meaning: str, row: str, fraction: bool = False) -> bool:
    """Draw the measure of one subject with a picker above it where there are several; False when none was recorded."""
    found = {name: series for name, series in run.vectors_by_subject(measure).items() if len(series)}
    if not found:
        return False
    st.markdown(f"#### {title}")
    st.caption(meaning)
    names = list(found)
    name = names[0]
    if len(names) > 1:
        key = measure.replace("_", "-")
        name = st.selectbox(f"Of which one ({len(names)} recorded)", names, key=key, bind="query-params", width=420)
    chart.draw(
        partial(vector_map, found[name], row=row, fraction=fraction),
        key=f"vector-{measure}",
        alt=f"{title}: {meaning} Of {name}.",
    )
    return True
