"""One run against another: what is new, what is fixed, and how the curves moved."""

from __future__ import annotations

import json
from pathlib import Path

from apps.values import Open, figures, healthy, healthy_run, texts, vanishing, vanishing_run

SAMPLES = Path(__file__).parents[2] / "sample_runs"


def _open(dashboard: Open, first: str, **query: str):
    sick, well = vanishing_run(), healthy_run()
    pairs = ((sick, vanishing(sick)), (well, healthy(well)))
    app = dashboard(*pairs, page="compare", query={"run": first, **query})
    assert not app.exception
    return app


def test_new_findings_are_named_against_a_healthy_baseline(dashboard: Open) -> None:
    app = _open(dashboard, "vanishing")
    assert app.selectbox(key="baseline").value == "healthy"
    assert "critical   ·   the baseline: ✔  healthy" in texts(app)
    changed = app.dataframe[0].value
    assert list(changed["Symptom"]) == ["vanishing-gradient", "saturated-activation"]
    assert set(changed["Change"]) == {"+  new"}
    assert changed["This run"][0] == "step 40"
    assert "2 findings new" in texts(app)


def test_the_other_way_round_only_what_was_looked_for_is_fixed(dashboard: Open) -> None:
    changed = _open(dashboard, "healthy").dataframe[0].value
    states = dict(zip(changed["Symptom"], changed["Change"], strict=True))
    assert states == {"vanishing-gradient": "✔  fixed", "saturated-activation": "?  no longer judged"}


def test_curves_lie_over_one_another_and_numbers_beside(dashboard: Open) -> None:
    app = _open(dashboard, "vanishing")
    loss = json.loads(figures(app)[0])
    assert [t["name"] for t in loss["data"]] == ["healthy", "vanishing"]
    numbers = app.dataframe[1].value.set_index("Number")
    assert numbers["So it is"]["loss/train at the end"] == "worse"
    assert numbers["Baseline"]["update_ratio, median layer"] == "not recorded"


def test_a_single_run_has_nothing_to_be_compared_with(dashboard: Open) -> None:
    run = vanishing_run()
    app = dashboard((run, vanishing(run)), page="compare")
    assert not app.exception
    assert "There is only this run" in texts(app)
    assert not figures(app)


def test_a_baseline_that_vanished_is_said_to_be_unreadable(dashboard: Open, monkeypatch) -> None:
    import data

    sick, well = vanishing_run(), healthy_run()
    app = dashboard((sick, vanishing(sick)), (well, healthy(well)), page="compare", query={"run": "vanishing"})
    opened = data.open_run

    def gone(path: Path) -> data.Opened:
        if path.name == "1":
            raise FileNotFoundError("gone")
        return opened(path)

    monkeypatch.setattr(data, "open_run", gone)
    app.run()
    assert not app.exception
    assert "This run cannot be read" in texts(app)


def test_sample_runs(opened_at: Open) -> None:
    app = opened_at(SAMPLES, query={"run": "vanishing"})
    app.query_params["baseline"] = "healthy"
    app.switch_page("views/compare.py").run()
    assert not app.exception
    assert list(app.dataframe[0].value["Symptom"]) == ["vanishing-gradient"]
    assert any("Outside the ranges of the baseline" in e.label for e in app.expander)
    assert len(figures(app)) == 6
