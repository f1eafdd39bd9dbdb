"""Report: the file that can be sent to somebody else, as it will look."""

from __future__ import annotations

import html

import state
import streamlit as st
from components import frame, report_file, words

FORMS = {"HTML": "html", "Markdown": "markdown", "JSON": "json"}
MIMES = {"html": "text/html", "markdown": "text/markdown", "json": "application/json"}
# The report in a frame within the frame, of an origin of its own: nothing in a log could reach the dashboard through it.
FRAME = (
    "<!doctype html><style>html, body {{margin: 0; height: 100%; overflow: hidden}} iframe {{border: 0}}</style>"
    '<iframe title="The report" sandbox="allow-scripts" width="100%" height="100%" srcdoc="{report}"></iframe>'
)
LONGEST = 100_000  # characters of the preview: a longer text is only slower to read


def render() -> None:
    """The page."""
    opened = frame.current()
    st.markdown("# Report")
    left, right = st.columns([3, 2], gap="large", vertical_alignment="bottom")
    word = left.segmented_control("Format", list(FORMS), default="HTML", required=True, key=state.FORMAT, bind="query-params")
    form = FORMS[str(word)]
    text = report_file.rendered(opened, form)
    if text is None:
        return
    name = report_file.file_name(str(st.session_state.get(state.RUN) or opened.run.name), form)
    with right.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        words.say(report_file.size(text))
        st.download_button("Download", text, name, MIMES[form], key="download", on_click="ignore", type="primary")
    _explain(form)
    _preview(form, text)


def _explain(form: str) -> None:
    explained = {
        "html": "One file that needs nothing else: it opens without a network and can be sent by mail.",
        "markdown": "For a pull request or an issue: verdict, findings, evidence and remedies.",
        "json": "For other programs: every rule with what it found, or why it did not judge.",
    }
    st.caption(f"{explained[form]} The same file as `torchvitals report RUN -o FILE` writes.")


def _preview(form: str, text: str) -> None:
    if form == "html":
        st.iframe(FRAME.format(report=html.escape(text)), height=900, alt="The report as it will look")
        return
    if len(text) > LONGEST:
        st.text(f"The first {LONGEST:,} of {len(text):,} characters:")
    st.code(text[:LONGEST], language=form, wrap_lines=True)


render()
