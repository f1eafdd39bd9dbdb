"""From a finding to the page that shows its evidence, with the layer and the step already chosen."""

from __future__ import annotations

from pathlib import Path

import state
import streamlit as st

from components import step_picker
from components.measures import available
from torchvitals.core.finding import Finding
from torchvitals.core.run import Run
from torchvitals.core.tag import Tag
from torchvitals.errors import TagError

VIEWS = Path(__file__).parents[1] / "views"
CURVES, FLOW, LAYER = "learning_curves", "gradient_flow", "layer"
# By how a measure's name begins; whatever has no line here and no layer is a curve of the whole run.
PAGES = (
    (("input_", "target", "predicted_", "output", "batch_size", "label_", "loss_scale", "loop_time", "order_"), "data_loop"),
    (("attention_", "cell_gradient", "forget_gate", "memory_horizon", "recurrent_"), "sequences"),
    (("filter_", "feature_map"), "filters"),
    (("confusion", "calibration", "latent_", "probe_", "reconstruction", "attribution"), "attributions"),
)
TITLES = {
    CURVES: "Learning curves",
    FLOW: "Gradient flow",
    "data_loop": "Data & loop",
    "sequences": "Recurrent & attention",
    "filters": "Filters & feature maps",
    "attributions": "Attributions & predictions",
}


def show(run: Run, finding: Finding) -> None:
    """A link to the evidence, and one to the layer when the finding names one."""
    here = {state.RUN: st.query_params[state.RUN]} if state.RUN in st.query_params else {}
    page, query = evidence_page(run, finding)
    st.page_link(_view(page), label=f"See the evidence: {TITLES[page]} →", query_params=here | query, width="content")
    if (module := module_of(run, finding)) is not None:
        st.page_link(_view(LAYER), label="This layer →", query_params=here | {state.MODULE: module}, width="content")


def evidence_page(run: Run, finding: Finding) -> tuple[str, dict[str, str]]:
    """The page, and what to choose there: the first evidence that the log holds decides."""
    tags = [tag for e in finding.evidence if (tag := _tag(e.tag)) is not None]
    per_layer = {m.name for m in available(run)}
    for tag in tags:
        special = next((page for starts, page in PAGES if tag.measure.startswith(starts)), None)
        if special is not None:
            return special, {}
        if tag.measure in per_layer and tag in run.scalars:
            return FLOW, {
                state.MEASURE: tag.measure,
                state.LAYER: tag.subject,
                state.STEP: str(step_picker.nearest(step_picker.options(run, tag.measure), finding.first_step)),
            }
    return CURVES, {}


def module_of(run: Run, finding: Finding) -> str | None:
    """The module a finding is about: of a parameter the one that owns it; None where the log knows no such module."""
    if finding.module is None or run.manifest is None:
        return None
    owners = {p.name: p.module for p in run.manifest.parameters}
    plain = finding.module.partition("#")[0]
    module = owners.get(plain, plain)
    return module if any(m.name == module for m in run.manifest.modules) else None


def _tag(text: str) -> Tag | None:
    try:
        return Tag.parse(text)
    except TagError:  # a fact of the manifest has no tag
        return None


def _view(name: str) -> str:
    return str(VIEWS / f"{name}.py")
