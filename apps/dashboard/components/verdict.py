"""The first thing a reader sees: one verdict in words, then the counts behind it."""

from __future__ import annotations

import streamlit as st

from components import words
from torchvitals.core.diagnosis import Diagnosis

HIGH, FAIR = 0.8, 0.5  # share of the rules that apply and could judge


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
    with st.container(key="confidence"):
        st.text(confidence(diagnosis))


def confidence(diagnosis: Diagnosis) -> str:
    """How far the verdict can be trusted, in one word and the two numbers behind it.

    From half of the applicable rules on, the engine calls a run healthy; four fifths are called high.

    Example:
        >>> confidence(Diagnosis(run="a", verdict="healthy", confidence=0.6))
        'Confidence of the verdict: fair.'
    """
    share = diagnosis.confidence
    word = "high" if share >= HIGH else "fair" if share >= FAIR else "low"
    judged = len(diagnosis.clean) + len({f.symptom for f in diagnosis.findings})
    if not judged:
        return f"Confidence of the verdict: {word}."
    among = judged + len(diagnosis.unjudged)
    return f"Confidence of the verdict: {word}. {judged:,} of the {words.count(among, 'rule', 'rules')} that apply could judge."


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
