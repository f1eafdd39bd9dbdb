"""The page's own style: the sheet beside the icon, with the severity colours of the theme filled in."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from torchvitals.present.theme import MARKS

SHEET = Path(__file__).parents[1] / "assets" / "style.css"


def apply() -> None:
    """Put the style on the page; the colours follow the system's light or dark like everything else."""
    light = "".join(f"--tv-{name}: {mark.light};" for name, mark in MARKS.items())
    dark = "".join(f"--tv-{name}: {mark.dark};" for name, mark in MARKS.items())
    colours = f":root {{{light}}} @media (prefers-color-scheme: dark) {{:root {{{dark}}}}}"
    st.html(f"<style>{colours}\n{SHEET.read_text(encoding='utf-8')}</style>")
