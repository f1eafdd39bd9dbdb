"""All that was recorded of one layer: its scalars in groups, and its distributions side by side."""

from __future__ import annotations

from functools import partial

import streamlit as st

from components import chart, distribution, words
from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.run import Run
from torchvitals.core.series import HistogramSeries
from torchvitals.present.grid import concerns

HEIGHT = 260
MOST = 12  # distributions; an attention block has about as many parameters


def curves(run: Run, diagnosis: Diagnosis, layer: str, subjects: list[str]) -> int:
    """Small curves of every scalar, grouped by what they speak of; returns how many groups there were."""
    from torchvitals.present.figures.layer_signals import layer_signals, signal_groups

    groups = signal_groups(run, layer, subjects)
    findings = [f for f in diagnosis.roots if concerns(f, layer)]
    for group in groups:
        st.markdown(f"#### {group.title}")
        chart.draw(
            partial(layer_signals, group, findings=findings),
            key=f"signals-{group.title}",
            alt=f"{group.title} of {layer} over the steps: {', '.join(m.replace('_', ' ') for m in group.lines)}",
        )
    return len(groups)


def distributions(run: Run, subjects: list[str]) -> int:
    """The distributions of the layer's parameters, gradients and outputs; returns how many there were."""
    wanted = set(subjects)
    found = [
        (kind, name, series)
        for kind, by_name in distribution.recorded(run).items()
        for name, series in by_name.items()
        if series.tag.subject in wanted
    ]
    if found:
        st.markdown("#### Distributions")
    for start in range(0, min(len(found), MOST), 2):
        for column, entry in zip(st.columns(2, gap="large"), found[start : start + 2], strict=False):
            with column:
                _one(*entry)
    return len(found)


def _one(kind: str, name: str, series: HistogramSeries) -> None:
    st.markdown(f"##### {distribution.kind_title(kind)}")
    words.say(name)
    distribution.draw(series, "strip", name=f"{distribution.kind_title(kind)} of {name}", height=HEIGHT)
