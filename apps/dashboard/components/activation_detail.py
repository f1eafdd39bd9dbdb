"""One layer's output: each of its units over the steps, and the distribution of all its values."""

from __future__ import annotations

from functools import partial

import state
import streamlit as st

from components import chart, distribution
from components.layer_order import ranked
from components.measures import Measure
from torchvitals.core.run import Run
from torchvitals.core.series import VectorSeries
from torchvitals.core.tag import Tag
from torchvitals.present.text import printable

HEIGHT = 360


def pick(run: Run, measure: Measure) -> str:
    """The layer to look at: one that the measure has, the worst one at first."""
    worst = ranked(run, measure)
    names = [name for name, series in run.by_subject(measure.name).items() if len(series)]
    asked = st.session_state.get(state.MODULE)
    if isinstance(asked, str) and asked not in names:  # another measure has other layers
        st.session_state[state.MODULE] = worst[0]
    picked = st.selectbox(
        "Layer",
        names,
        index=names.index(worst[0]),
        format_func=printable,
        key=state.MODULE,
        bind="query-params",
        filter_mode="contains",
    )
    return picked or worst[0]


def show(run: Run, layer: str) -> None:
    """Units over steps on the left, where the layer has an activation whose units can be silent; the distribution beside it."""
    rates = run.vectors.get(Tag(measure="firing_rate", subject=layer))
    values = run.histograms.get(Tag(measure="activations", subject=layer))
    has_rates, has_values = rates is not None and len(rates) > 0, values is not None and len(values) > 0
    if not has_rates and not has_values:
        st.text("Neither firing rates nor a distribution were recorded of this layer.")
        return
    columns = st.columns(2, gap="large") if has_rates and has_values else [st.container()]
    if rates is not None and has_rates:
        with columns[0]:
            _units(rates, layer)
    if values is not None and has_values:
        with columns[-1]:
            st.markdown("##### Distribution of its outputs")
            distribution.draw(values, "strip", name=f"outputs of {layer}", height=HEIGHT)
            distribution.say(values, None)
    if not has_rates:
        st.caption("Units are followed one by one where the activation can be silent: ReLU and its relatives.")


def _units(rates: VectorSeries, layer: str) -> None:
    from torchvitals.present.figures.unit_bitmap import unit_bitmap

    said = _silence(rates)
    st.markdown("##### Its units, the most silent on top")
    chart.draw(partial(unit_bitmap, rates, height=HEIGHT), key="units", alt=f"Firing rate of each unit of {layer}. {said}")
    st.caption(said)


def _silence(rates: VectorSeries) -> str:
    """How many units never fired, and how many are silent at the end."""
    table = rates.matrix()
    if not table.size:
        return "No rates were recorded."
    units = table.shape[1]
    never = int((table == 0).all(axis=0).sum())
    last = int((table[-1] == 0).sum())
    if not never and not last:
        return f"Each of the {units:,} units fired, and none is silent at step {int(rates.step[-1]):,}."
    return f"{never:,} of {units:,} units never fired at a recorded step; {last:,} are silent at step {int(rates.step[-1]):,}."
