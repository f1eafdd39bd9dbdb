"""Recurrent & attention: how far back the loss reaches, and whether attention still chooses."""

from __future__ import annotations

import streamlit as st
from components import empty, frame, recurrence, rule_table, signals, vector_signals

from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.manifest import Manifest
from torchvitals.core.run import Run

VECTORS = ("sequence_grad_norm", "state_grad_norm", "attention_head_entropy")


def render() -> None:
    """The page."""
    opened = frame.current()
    run, diagnosis = opened.run, opened.diagnosis
    st.markdown("# Recurrent & attention")
    both = (*recurrence.RECURRENT_SIGNALS, *recurrence.ATTENTION_SIGNALS)
    if not any(s.recorded(run) for s in both) and not any(run.vectors_by_subject(m) for m in VECTORS):
        _nothing(run.manifest)
        return
    _recurrent(run, diagnosis)
    _attention(run, diagnosis)
    signals.missing(run, both)


def _recurrent(run: Run, diagnosis: Diagnosis) -> None:
    recorded = any(s.recorded(run) for s in recurrence.RECURRENT_SIGNALS)
    if not recorded and not any(run.vectors_by_subject(m) for m in VECTORS[:2]):
        return
    st.markdown("#### Recurrent layers")
    rule_table.show(diagnosis, recurrence.RECURRENT_RULES, alt="What the rules say of the gradient through time")
    signals.grid(run, recurrence.RECURRENT_SIGNALS)
    vector_signals.show(
        run,
        "sequence_grad_norm",
        title="Gradient at every time step",
        meaning="Size of the gradient for each input. A colour that fades towards the top: memory does not reach back.",
        row="time step",
    )
    vector_signals.show(
        run,
        "state_grad_norm",
        title="Gradient at every state of a cell",
        meaning="The gradient's size for the state after each call of a cell that is called step by step.",
        row="call",
    )


def _attention(run: Run, diagnosis: Diagnosis) -> None:
    if not any(s.recorded(run) for s in recurrence.ATTENTION_SIGNALS) and not run.vectors_by_subject(VECTORS[2]):
        return
    st.markdown("#### Attention")
    rule_table.show(diagnosis, recurrence.ATTENTION_RULES, alt="What the rules say of attention")
    signals.grid(run, recurrence.ATTENTION_SIGNALS)
    vector_signals.show(
        run,
        "attention_head_entropy",
        title="Entropy of every head",
        meaning="100 %: the head looks at everything alike. Near 0 %: it looks at one place.",
        row="head",
        fraction=True,
    )


def _nothing(manifest: Manifest | None) -> None:
    there = [*recurrence.kinds(manifest, recurrence.RECURRENT), *recurrence.kinds(manifest, recurrence.ATTENTIVE)]
    if manifest is None:
        empty.show(
            "Nothing about sequences stands in this log",
            "Gradients through time and attention are measured by the recorder of torchvitals:",
            code=empty.ATTACH,
        )
    elif there:
        empty.show(
            "Not measured in this run",
            f"The network has recurrent or attention layers ({', '.join(there)}), and none was measured. They are looked at on "
            "every fifth sampled step, where the model is not compiled as a whole. The page Data & loop lists what was not "
            "seen, and why.",
        )
    else:
        empty.show(
            "No recurrent layers and no attention in this network",
            "This page shows how far the gradient reaches back in time, and what attention looks at. There is neither here.",
        )


render()
