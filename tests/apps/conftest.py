"""The dashboard, opened on values made by hand or on folders."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from apps.values import DASHBOARD, Open
from streamlit.testing.v1 import AppTest

from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.run import Run

sys.path.insert(0, str(DASHBOARD))  # as Streamlit does for the script it runs


@pytest.fixture
def opened_at(monkeypatch: pytest.MonkeyPatch) -> Open:
    """Open the dashboard on folders: `opened_at(folder, …, query={…})`."""

    def opened(*folders: Path, query: dict[str, str] | None = None) -> AppTest:
        monkeypatch.setenv("TORCHVITALS_LOGDIR", os.pathsep.join(map(str, folders)))
        app = AppTest.from_file(str(DASHBOARD / "app.py"), default_timeout=30)
        for key, value in (query or {}).items():
            app.query_params[key] = value
        return app.run()

    return opened


@pytest.fixture
def dashboard(monkeypatch: pytest.MonkeyPatch) -> Open:
    """Open the dashboard on values made by hand: `dashboard((run, diagnosis), …, page=…, query={…})`."""
    import data

    def opened(*pairs: tuple[Run, Diagnosis], page: str = "findings", query: dict[str, str] | None = None) -> AppTest:
        runs = {run.name: Path("/nowhere") / str(i) for i, (run, _) in enumerate(pairs)}
        by_path = {runs[run.name]: data.Opened(run=run, diagnosis=diagnosis) for run, diagnosis in pairs}
        monkeypatch.setattr(data, "list_runs", lambda _folders: runs)
        monkeypatch.setattr(data, "open_run", by_path.__getitem__)
        monkeypatch.setattr(
            data, "rule_help", lambda _symptom: {"What it sees": "Norms in `grad_norm`.", "Formula": "‖g‖ < 1e-7"}
        )
        app = AppTest.from_file(str(DASHBOARD / "app.py"), default_timeout=30)
        if page != "findings":
            app.run().switch_page(f"views/{page}.py")
        for key, value in (query or {}).items():
            app.query_params[key] = value
        return app.run()

    return opened
