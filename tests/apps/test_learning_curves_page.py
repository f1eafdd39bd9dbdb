"""The learning-curves page: one chart of everything that tells whether it learns."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from apps.layer_runs import BLANK, recorded_run
from apps.values import Open, figures, healthy, healthy_run, series, texts, vanishing, vanishing_run

from torchvitals.core.run import Run

SAMPLES = Path(__file__).parents[2] / "sample_runs"


def _names(spec: str) -> list[str]:
    return [trace.get("name", "") for trace in json.loads(spec)["data"]]


def _open(dashboard: Open, run: Run, diagnosis=BLANK, *others, **query: str):
    app = dashboard((run, diagnosis), *others, page="learning_curves", query=query)
    assert not app.exception
    assert "could not be drawn" not in texts(app)
    return app


def test_the_loss_and_the_lanes_of_the_root_findings_are_drawn(dashboard: Open) -> None:
    run = vanishing_run()
    (spec,) = figures(_open(dashboard, run, vanishing(run)))
    names = _names(spec)
    assert "train" in names
    assert "vanishing-gradient" in names
    assert "loss-not-decreasing" not in names  # it follows from a root


def test_the_switches_come_from_the_address(dashboard: Open) -> None:
    app = _open(dashboard, healthy_run(), scale="Logarithmic", smoothing="strong", steps="100-400")
    axes = json.loads(figures(app)[0])["layout"]
    assert axes["yaxis"]["type"] == "log"
    assert 80 < axes["xaxis"]["range"][0] < 100
    assert _names(figures(app)[0]).count("train") == 2  # raw and smoothed
    assert any("Steps 100 to 400 are shown" in link.proto.label for link in app.get("page_link"))


@pytest.mark.parametrize("steps", ["400-100", "x", "1", "-", "9" * 40])
def test_a_range_that_makes_no_sense_is_no_range(dashboard: Open, steps: str) -> None:
    first, last = json.loads(figures(_open(dashboard, healthy_run(), steps=steps))[0])["layout"]["xaxis"]["range"]
    assert first < 0 < 990 < last


def test_another_run_is_drawn_beside_it_when_asked_for_and_not_before(dashboard: Open) -> None:
    one, two = healthy_run(), vanishing_run()
    alone = _open(dashboard, one, healthy(one), (two, vanishing(two)))
    assert alone.selectbox(key="baseline").value is None
    assert _names(figures(alone)[0]) == ["train"]
    both = _open(dashboard, one, healthy(one), (two, vanishing(two)), baseline="vanishing")
    assert "train · vanishing" in _names(figures(both)[0])


def test_a_run_without_curves_names_the_call_that_is_missing(dashboard: Open) -> None:
    app = _open(dashboard, Run(name="r", scalars=series("grad_norm/a", np.ones(100))))
    assert "No loss and no metric was recorded" in texts(app)
    assert any("vitals.step(loss)" in c.value for c in app.code)


@pytest.mark.parametrize("run", [recorded_run(value=np.nan), recorded_run(steps=np.array([3])), recorded_run(foreign=True)])
def test_sick_short_and_foreign_runs_are_drawn(dashboard: Open, run: Run) -> None:
    app = _open(dashboard, run)
    assert len(figures(app)) == 1


def test_sample_runs_say_whether_they_learn(opened_at: Open) -> None:
    app = opened_at(SAMPLES, query={"run": "dead-relu"})
    app.switch_page("views/learning_curves.py").run()
    assert not app.exception
    assert "The loss went from 2.31 to 2.3; the best constant prediction is at 2.3." in texts(app)
    names = _names(figures(app)[0])
    assert {"train", "val", "dead-relu", "best constant prediction 2.3"} <= set(names)
    app.query_params["run"] = "healthy"
    app.run()
    assert "The loss went from 2.24 to 0.072" in texts(app)
    assert "dead-relu" not in _names(figures(app)[0])
