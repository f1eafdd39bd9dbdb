"""A rule's own documentation, as it stands in the rule's file."""

from __future__ import annotations

import re

import data
import streamlit as st


def show(symptom: str) -> None:
    """The documentation of a symptom, folded; nothing when the rule is not installed."""
    sections = data.rule_help(symptom)
    if not sections:
        return
    with st.expander("About this symptom"):
        for head, body in sections.items():
            st.markdown(f"**{head}**")
            if head == "Formula":
                st.code(body, language=None, wrap_lines=True)
            else:
                st.markdown(prose(body))


def prose(text: str) -> str:
    r"""Docstring prose as Markdown: code spans and lists stay, whatever Markdown would swallow elsewhere is escaped.

    Example:
        >>> prose("‖g‖ < 1e-7 in `fc_1*` costs $3 and *all* of a_b_c")
        '‖g‖ \\< 1e-7 in `fc_1*` costs \\$3 and \\*all\\* of a\\_b\\_c'
    """
    parts = re.split(r"(`[^`\n]+`)", text)
    return "".join(p if p.startswith("`") and p.endswith("`") else re.sub(r"([*_$<\[\]~#|])", r"\\\1", p) for p in parts)
