"""Findings: what is wrong, where, since when, why we think so, and what to change."""

from __future__ import annotations

from functools import partial

import streamlit as st
from components import chart, finding_detail, finding_table, frame, mutes, outcomes, verdict

from torchvitals.present.figures.loss_curve import loss_curve


def render() -> None:
    """The home page."""
    opened = frame.current()
    run, diagnosis = opened.run, opened.diagnosis
    mutes.write_address()
    verdict.hero(diagnosis)
    verdict.counts(diagnosis)
    if diagnosis.roots:
        finding_detail.show(run, diagnosis, finding_table.pick(run, diagnosis))
    st.markdown("#### Loss")
    marks = "; ".join(f"{f.symptom} since step {f.first_step}" for f in diagnosis.roots) or "no findings"
    chart.draw(partial(loss_curve, run, findings=diagnosis.roots), key="loss", alt=f"Loss over the steps: {marks}")
    outcomes.show(diagnosis)


render()
