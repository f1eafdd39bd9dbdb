"""Every page on every sample run: it opens, says what it is about, and shows something or why there is nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from apps.values import DASHBOARD, Open

RUNS = sorted(p.name for p in (DASHBOARD.parents[1] / "sample_runs").iterdir() if (p / "expected.json").exists())
TITLES = {
    "checklist": "Checklist",
    "learning_curves": "Learning curves",
    "gradient_flow": "Gradient flow",
    "activations": "Activations",
    "weights": "Weights",
    "sequences": "Recurrent",
    "layer": "Layer",
    "filters": "Filters",
    "attributions": "Attributions",
    "data_loop": "Data",
    "architecture": "Architecture",
    "compare": "Compare",
    "report": "Report",
}


def test_no_page_is_forgotten() -> None:
    views = {path.stem for path in (DASHBOARD / "views").glob("*.py")}
    assert views == {*TITLES, "findings", "live"}  # these two have walks of their own


@pytest.mark.parametrize("run", RUNS)
def test_every_page_opens_on_a_sample_run(run: str, opened_at: Open) -> None:
    app = opened_at(Path(DASHBOARD.parents[1] / "sample_runs"), query={"run": run})
    assert not app.exception
    for view, title in TITLES.items():
        app.switch_page(f"views/{view}.py")
        app.query_params["run"] = run
        app.run()
        assert not app.exception, view
        assert any(title in m.value for m in app.markdown), view
        charts, said = app.get("plotly_chart"), [t.value for t in app.text]
        assert charts or app.dataframe or len(said) > 1, (view, said)
        assert not any("could not be drawn" in words for words in said), (view, said)
