"""The first thing a reader sees: one verdict in words, then the counts behind it."""

from __future__ import annotations

import streamlit as st

from components import words
from torchvitals.core.diagnosis import Diagnosis


def hero(diagnosis: Diagnosis) -> None:
    """The verdict line, coloured and shaped by how bad it is."""
    with st.container(key=f"verdict-{diagnosis.verdict}", gap=None):
        eyebrow, headline, below = _lines(diagnosis)
        words.say(eyebrow)
        words.say(headline)
        words.say(below)


def counts(diagnosis: Diagnosis) -> None:
    """How many findings of each severity, and how many rules found nothing or could not judge."""
    by_severity = {s: sum(f.severity == s for f in diagnosis.roots) for s in ("critical", "warning", "info")}
    tiles = by_severity | {"clean": len(diagnosis.clean), "not measured": len(diagnosis.unjudged)}
    with st.container(key="counts", horizontal=True, gap="large"):
        for word, amount in tiles.items():
            tone = word if amount and word in by_severity else "quiet"
            with st.container(key=f"count-{tone}-{word.replace(' ', '-')}", gap=None, width="content"):
                st.text(f"{amount}")
                st.text(word)


def _lines(diagnosis: Diagnosis) -> tuple[str, str, str]:
    roots, judged = diagnosis.roots, len(diagnosis.clean)
    if roots:
        worst = roots[0]
        return (
            f"{words.sign(diagnosis.verdict)}   ·   {worst.symptom}",
            worst.summary,
            f"{words.located(worst)}, since step {worst.first_step:,}",
        )
    if diagnosis.verdict == "healthy":
        missing = f"; {words.count(len(diagnosis.unjudged), 'was', 'were')} not measured" if diagnosis.unjudged else ""
        return (
            words.sign("healthy"),
            "Nothing is wrong with this run.",
            f"{words.count(judged, 'rule', 'rules')} looked and found nothing{missing}.",
        )
    return (
        words.sign("unknown"),
        "There is not enough in this log for a verdict.",
        "Record more steps, or attach torchvitals.watch(model, optimizer, logdir=…, loss_fn=…). The reasons are listed below.",
    )
