"""Architecture: the modules in forward order, what they put out, and where the parameters are."""

from __future__ import annotations

from functools import partial

import streamlit as st
from components import chart, empty, facts, frame, outline, outline_table

from torchvitals.core.manifest import Manifest
from torchvitals.present.figures.parameter_share import fate, parameter_share


def render() -> None:
    """The page."""
    run = frame.current().run
    st.markdown("# Architecture")
    if run.manifest is None or not run.manifest.modules:
        empty.show(
            "The log does not describe the network",
            "The outline of the modules is written once, at the first recorded step, by the recorder of torchvitals:",
            code=empty.ATTACH,
        )
        return
    facts.tiles(_totals(run.manifest))
    rows = list(outline.rows(run.manifest))
    st.markdown("#### Modules in forward order")
    outline_table.show(rows, sum(p.size for p in run.manifest.parameters), run.path or run.name)
    st.markdown("#### Where the parameters are")
    chart.draw(
        partial(parameter_share, run.manifest),
        key="parameters",
        alt="Share of each module in the parameters of the network, the largest on top",
    )


def _totals(manifest: Manifest) -> dict[str, str]:
    sizes = {"trained": 0, "frozen": 0, "in no optimizer": 0}
    for parameter in manifest.parameters:
        sizes[fate(parameter)] += parameter.size
    with_weights = len({p.module for p in manifest.parameters if len(p.shape) > 1})
    called = sum(m.fired for m in manifest.modules)
    found = {"parameters": f"{sum(sizes.values()):,}"}
    found |= {word: f"{size:,}" for word, size in sizes.items() if size or word == "trained"}
    found |= {"modules": f"{len(manifest.modules):,}", "of them with weights": f"{with_weights:,}"}
    if called < len(manifest.modules):
        found["never called"] = f"{len(manifest.modules) - called:,}"
    return found


render()
