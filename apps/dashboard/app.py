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

page = st.navigation(
    [
        st.Page(HERE / "views" / "findings.py", title="Findings", url_path="findings", default=True),
        st.Page(HERE / "views" / "gradient_flow.py", title="Gradient flow", url_path="gradient-flow"),
    ],
    position="top",
)
if frame.open_run():
    page.run()
