"""Learning curves: is it learning, since when not, and what else moved at that step."""

from __future__ import annotations

from functools import partial

import streamlit as st
from components import chart, curve_options, empty, frame, words
from components.onward import link

from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.run import Run


def render() -> None:
    """The page."""
    from torchvitals.present.panels import panels

    opened = frame.current()
    st.markdown("# Learning curves")
    found = panels(opened.run)
    if not found:
        empty.show(
            "No loss and no metric was recorded in this run",
            "Pass the loss function, or hand over the loss of each step and whatever you measure:",
            code=f"{empty.ATTACH}\nvitals.step(loss)",
        )
        return
    _curves(opened.run, opened.diagnosis, [p.title for p in found])


def _curves(run: Run, diagnosis: Diagnosis, titles: list[str]) -> None:
    from torchvitals.diagnosis.gate import learning
    from torchvitals.present.figures.learning_curves import learning_curves

    chosen = curve_options.pick(run)
    between = curve_options.steps_in_address()
    state_of_learning = learning(run)
    if state_of_learning.sentence and "Loss" in titles:
        with st.container(key="meaning"):
            words.say(f"{state_of_learning.sentence[:1].upper()}{state_of_learning.sentence[1:]}.")
    marks = "; ".join(f"{f.symptom} since step {f.first_step}" for f in diagnosis.roots) or "no findings"
    chart.draw(
        partial(
            learning_curves,
            run,
            findings=diagnosis.roots,
            baseline=chosen.baseline,
            trivial=state_of_learning.trivial,
            scale=chosen.scale,
            smoothing=chosen.smoothing,
            clock=chosen.clock,
            between=between,
        ),
        key="curves",
        alt=f"{', '.join(titles)} over the {chosen.clock}; {marks}",
    )
    if between is not None:
        link("learning_curves", f"Steps {between[0]:,} to {between[1]:,} are shown; show all")


render()
