"""Weights: how the distribution of a tensor moves over the steps, and how far every layer has come."""

from __future__ import annotations

from functools import partial

import streamlit as st
from components import about_layer, chart, distribution, empty, frame, tensor_picker

from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.run import Run
from torchvitals.core.series import HistogramSeries

NORMS = (
    ("weight_norm", "Weight norm", "‖w‖ of each parameter: what grows without bound, or shrinks away."),
    ("update_ratio", "Update ratio", "‖Δw‖/‖w‖ of each step: about 1e-3 is usual; zero is a layer that does not learn."),
)


def render() -> None:
    """The page."""
    opened = frame.current()
    st.markdown("# Weights")
    found = distribution.recorded(opened.run)
    norms = [n for n in NORMS if opened.run.by_subject(n[0])]
    if not found and not norms:
        empty.show(
            "No weights were recorded in this run",
            "Norms, updates and distributions of every layer come from one line:",
            code=empty.ATTACH,
        )
        return
    if found:
        _distribution(opened.run, opened.diagnosis, tensor_picker.pick(opened.run, found))
    else:
        st.text("This log holds no distributions; torchvitals.watch(model, optimizer, logdir=…) records them.")
    if norms:
        _all_layers(opened.run, opened.diagnosis, norms)


def _distribution(run: Run, diagnosis: Diagnosis, series: HistogramSeries) -> None:
    left, right = st.columns([2, 3], gap="large")
    with left:
        picture = distribution.pick_picture()
    with right:
        step = distribution.pick_step(series)
    distribution.draw(series, picture, name=str(series.tag), step=step)
    distribution.say(series, step, _size(run, series))
    about_layer.row(run, diagnosis, series.tag.subject)


def _size(run: Run, series: HistogramSeries) -> int | None:
    """How many elements the tensor has: parameters and their gradients are known, outputs are not."""
    if run.manifest is None or series.tag.measure not in ("weights", "gradients"):
        return None
    return next((p.size for p in run.manifest.parameters if p.name == series.tag.subject), None)


def _all_layers(run: Run, diagnosis: Diagnosis, norms: list[tuple[str, str, str]]) -> None:
    from torchvitals.present.figures.layer_heatmap import layer_heatmap

    for measure, title, meaning in norms:
        st.markdown(f"#### {title} of all layers")
        st.caption(meaning)
        chart.draw(
            partial(layer_heatmap, run, measure=measure, findings=diagnosis.roots, clickable=False),
            key=f"all-{measure}",
            alt=f"{title} of every layer at every step, input on top",
        )


render()
