"""The layers that stand out at a step, as a table whose row can be picked."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import state
import streamlit as st

from components import layer_map
from components.measures import Measure, standing_out
from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.present.downsample import spans_decades
from torchvitals.present.figures.layer_bar import unit_of, values_at
from torchvitals.present.text import printable
from torchvitals.present.theme import format_value

SHOWN = 12
POINTS = 40


def pick(run: Run, diagnosis: Diagnosis, measure: Measure, step: int) -> str | None:
    """Draw the table; returns the layer that is selected, or None."""
    values = values_at(run, measure.name, step, findings=diagnosis.roots)
    layers = standing_out(values, measure.worst)[:SHOWN]
    wanted = st.query_params.get(state.LAYER)
    if wanted in values and wanted not in layers:  # a click or a link chose one that does not stand out
        layers.append(wanted)
    series = run.by_subject(measure.name)
    named = state.chosen(state.LAYER, layers)
    event = st.dataframe(
        pd.DataFrame(
            {
                "layer": [printable(layer) for layer in layers],
                "value": [format_value(values[layer], unit_of(run, measure.name)) for layer in layers],
                "history": [_history(series[layer]) for layer in layers],
            }
        ),
        hide_index=True,
        column_config=_COLUMNS,
        # Rows are in another order at another step, and a click on the map chooses anew: the table starts afresh with each.
        key=f"layers-{run.path or run.name}-{measure.name}-{step}-{layer_map.clicks()}",
        on_select="rerun",
        selection_mode="single-row",
        selection_default=None if named is None else {"selection": {"rows": [named], "columns": [], "cells": []}},
        alt=f"Layers that stand out in {measure.title} at step {step}",
    )
    rows = event["selection"]["rows"]
    layer = layers[rows[0]] if rows and rows[0] < len(layers) else None
    state.choose(state.LAYER, layer)
    return layer


_COLUMNS = {
    "layer": st.column_config.TextColumn("Layer", width=170),
    "value": st.column_config.TextColumn("At this step", width=92, alignment="right"),
    "history": st.column_config.LineChartColumn("Over the run", width=105),
}


def _history(series: Series) -> list[float]:
    finite = series.finite().value
    if spans_decades(finite):
        finite = np.log10(finite)
    every = max(1, math.ceil(len(finite) / POINTS))
    return [float(v) for v in finite[::every]]
