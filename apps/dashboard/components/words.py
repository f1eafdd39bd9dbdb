"""How things are said on a page: text from a log as it is, severities as shape and word, places in one phrase."""

from __future__ import annotations

import streamlit as st

from torchvitals.core.finding import Finding
from torchvitals.present.text import printable
from torchvitals.present.theme import mark


def say(text: str) -> None:
    """Text that may come from a log: no Markdown, no HTML, and no character that turns the line around."""
    st.text(printable(text))


def sign(severity: str) -> str:
    """A severity or verdict as glyph and word, so that colour is never alone."""
    return f"{mark(severity).icon}  {mark(severity).word}"


def count(amount: int, one: str, many: str) -> str:
    """An amount with its noun.

    Example:
        >>> count(1, "rule", "rules"), count(1200, "rule", "rules")
        ('1 rule', '1,200 rules')
    """
    return f"{amount:,} {one if amount == 1 else many}"


def place(finding: Finding) -> str:
    """Where a finding is: its layer, and how many others it concerns."""
    if finding.module is None:
        return "the whole run"
    others = len(set(finding.modules) - {finding.module})
    return printable(f"{finding.module} and {count(others, 'other', 'others')}" if others else finding.module)


def located(finding: Finding) -> str:
    """The same inside a sentence, where a layer that is called `0` would be taken for a count."""
    return place(finding) if finding.module is None else f"layer {place(finding)}"
