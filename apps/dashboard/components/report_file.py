"""The report of the open run as a file: its text, its name and its size."""

from __future__ import annotations

import re

import data
import streamlit as st

from components import empty
from torchvitals.present.report import format_named
from torchvitals.present.report.section import Section

_KEPT = "_report"
ENDINGS = {"html": ".html", "markdown": ".md", "json": ".json"}


def rendered(opened: data.Opened, form: str) -> str | None:
    """The whole text, made once for a diagnosis and format; None when it could not be made, and the page says so."""
    kept = st.session_state.get(_KEPT)
    if kept is not None and kept[0] is opened.diagnosis and kept[1] == form:
        return str(kept[2])
    try:
        text = format_named(form).render([Section(run=opened.run, diagnosis=opened.diagnosis)])
    except Exception as error:
        # A log that one chart cannot take must not end the page in a traceback.
        empty.show("The report could not be made", "Another format may still work.", detail=f"{type(error).__name__}: {error}")
        return None
    st.session_state[_KEPT] = (opened.diagnosis, form, text)
    return text


def file_name(run: str, form: str) -> str:
    """A name that every file system takes.

    Example:
        >>> file_name("runs/a b", "markdown")
        'torchvitals-runs-a-b.md'
    """
    clean = re.sub(r"[^A-Za-z0-9._-]+", "-", run).strip("-.")[:80]
    return f"torchvitals-{clean or 'run'}{ENDINGS[form]}"


def size(text: str) -> str:
    """How large the file is.

    Example:
        >>> size("a" * 1500), size("a" * 2_500_000)
        ('1.5 kB', '2.5 MB')
    """
    amount = len(text.encode())
    return f"{amount / 1e6:.1f} MB" if amount >= 1e6 else f"{amount / 1e3:.1f} kB"
