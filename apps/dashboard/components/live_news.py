"""What has been found since somebody began to look: said once as it comes, and kept as a list."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from components import words
from components.live_feed import News
from torchvitals.present.text import markdown_text, printable

WORDS = {"found": "new", "worse": "worse", "gone": "gone"}
TOASTS = 3  # at once: more than that cover the page


def announce(fresh: Sequence[News]) -> None:
    """A note in the corner for each thing that is new."""
    for news in fresh[:TOASTS]:
        if (finding := news.event.finding) is not None:
            line = f"{words.sign(finding.severity)}: {finding.symptom}, {WORDS[news.event.what]} at step {news.step:,}"
            st.toast(markdown_text(line), duration="long")


def show(news: Sequence[News]) -> None:
    """The list, latest first."""
    st.markdown("#### New since you opened this page")
    rows = [(n, f) for n in news if (f := n.event.finding) is not None]
    if not rows:
        st.text("Nothing yet. What was found before stands on the findings page.")
        return
    st.dataframe(
        pd.DataFrame(
            {
                "Time": [n.clock for n, _ in rows],
                "Step": [n.step for n, _ in rows],
                "What": [WORDS[n.event.what] for n, _ in rows],
                "Severity": [words.sign(f.severity) for _, f in rows],
                "Symptom": [f.symptom for _, f in rows],
                "Where": [words.place(f) for _, f in rows],
                "Details": [printable(n.event.text or f.summary) for n, f in rows],
            }
        ),
        hide_index=True,
        alt="Findings that appeared, became worse or went while this page was open, latest first",
    )


def ago(seconds: float) -> str:
    """How long ago something was, in the unit that tells.

    Example:
        >>> ago(3.2), ago(200), ago(7300), ago(2e5), ago(-1)
        ('3 s ago', '3 min ago', '2 h ago', '2 days ago', 'just now')
    """
    if seconds < 1:
        return "just now"
    units = (("s", 1, 60), ("min", 60, 3600), ("h", 3600, 48 * 3600), ("days", 86400, float("inf")))
    unit, length = next((unit, length) for unit, length, until in units if seconds < until)
    return f"{seconds / length:.0f} {unit} ago"
