"""The torchvitals dashboard: configuration and navigation, nothing else.

Started by `torchvitals dashboard LOGDIR`, which sets TORCHVITALS_LOGDIR and binds to 127.0.0.1.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from components import frame, style

HERE = Path(__file__).parent

st.set_page_config(
    page_title="torchvitals",
    page_icon=(HERE / "assets" / "icon.svg").read_text(encoding="utf-8"),
    layout="wide",
    initial_sidebar_state="collapsed",
    menu_items={"Get help": None, "Report a bug": None, "About": None},
)
st.logo((HERE / "assets" / "logo.svg").read_text(encoding="utf-8"), size="large")
style.apply()


def page(view: str, title: str, *, home: bool = False, hidden: bool = False) -> st.Page:
    """A page of `views/`; its address is its name with hyphens."""
    visibility = "hidden" if hidden else "visible"
    return st.Page(
        HERE / "views" / f"{view}.py", title=title, url_path=view.replace("_", "-"), default=home, visibility=visibility
    )


chosen = st.navigation(
    {
        "": [page("findings", "Findings", home=True), page("checklist", "Checklist")],
        "Signals": [
            page("learning_curves", "Learning curves"),
            page("gradient_flow", "Gradient flow"),
            page("activations", "Activations"),
            page("weights", "Weights"),
            page("sequences", "Recurrent & attention"),
            page("layer", "Layer", hidden=True),
        ],
        "What it learned": [
            page("filters", "Filters & feature maps"),
            page("attributions", "Attributions & predictions"),
        ],
        "The run": [page("data_loop", "Data & loop"), page("architecture", "Architecture")],
        "Runs": [page("compare", "Compare runs"), page("live", "Live"), page("report", "Report")],
    },
    position="top",
)
if frame.open_run():
    chosen.run()
