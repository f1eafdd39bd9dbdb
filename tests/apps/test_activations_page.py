"""The activations page: all layers over the steps, then the units of one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from apps.layer_runs import BLANK, dying, recorded_run
from apps.values import Open, figures, texts

from torchvitals.core.run import Run
from torchvitals.core.tag import Tag

SAMPLES = Path(__file__).parents[2] / "sample_runs"


def _open(dashboard: Open, run: Run, diagnosis=BLANK, **query: str):
    app = dashboard((run, diagnosis), page="activations", query=query)
    assert not app.exception
    assert "could not be drawn" not in texts(app)
    return app


def _captions(app) -> str:
    return "\n".join(c.value for c in app.caption)


def test_all_layers_then_the_units_and_the_distribution_of_the_worst(dashboard: Open) -> None:
    app = _open(dashboard, recorded_run(), dying())
    heat, units, strip = (json.loads(spec) for spec in figures(app))
    assert heat["data"][0]["y"] == ["a", "b", "c"]
    assert app.selectbox(key="module").value == "c"
    assert units["data"][0]["y"][0] == "unit 0"
    assert strip["data"][0]["type"] == "heatmap"
    assert "0 of 8 units never fired at a recorded step; 8 are silent at step 90." in _captions(app)


def test_the_worst_layers_can_stand_on_top(dashboard: Open) -> None:
    app = _open(dashboard, recorded_run(), sort="Worst first")
    assert json.loads(figures(app)[0])["data"][0]["y"] == ["c", "b", "a"]


def test_a_layer_that_is_not_finite_is_the_worst(dashboard: Open) -> None:
    run = recorded_run()
    bad = Tag.parse("dead_fraction/b")
    sick = recorded_run(value=np.nan).scalars[bad]
    app = _open(dashboard, Run(name="r", manifest=run.manifest, scalars=dict(run.scalars) | {bad: sick}))
    assert app.selectbox(key="module").value == "b"
    assert "Neither firing rates nor a distribution were recorded of this layer." in texts(app)


def test_measure_and_layer_come_from_the_address(dashboard: Open) -> None:
    app = _open(dashboard, recorded_run(), signal="Activation spread (std)", module="a")
    assert "Standard deviation of each layer's output." in texts(app)
    assert app.selectbox(key="module").value == "a"
    assert "Each of the 8 units fired" in _captions(app)


def test_the_layer_leads_to_its_page_and_to_its_finding(dashboard: Open) -> None:
    labels = [link.proto.label for link in _open(dashboard, recorded_run(), dying()).get("page_link")]
    assert labels == ["Everything of this layer →", "dead-relu since step 20 →"]


def test_a_run_without_activations_names_the_call_that_is_missing(dashboard: Open) -> None:
    app = _open(dashboard, Run(name="r"))
    assert "No activations were recorded in this run" in texts(app)
    assert any("torchvitals.watch(model, optimizer" in c.value for c in app.code)


@pytest.mark.parametrize("run", [recorded_run(value=np.nan), recorded_run(steps=np.array([3])), recorded_run(foreign=True)])
def test_sick_short_and_foreign_runs_are_drawn(dashboard: Open, run: Run) -> None:
    assert len(figures(_open(dashboard, run, dying()))) == 3


def test_a_thousand_layers_are_one_map_and_the_worst_forty_can_be_read(dashboard: Open) -> None:
    run = recorded_run(tuple(f"l{i:03}" for i in range(1000)), steps=np.array([0, 10]))
    app = _open(dashboard, run, sort="Worst first")
    assert len(figures(app)) == 3
    assert json.loads(figures(app)[0])["data"][0]["y"][:2] == ["l999", "l998"]
    assert len(json.loads(figures(app)[0])["data"][0]["y"]) == 40


def test_sample_runs_show_their_silent_layers(opened_at: Open) -> None:
    app = opened_at(SAMPLES, query={"run": "dead-relu"})
    app.switch_page("views/activations.py").run()
    assert not app.exception
    assert app.selectbox(key="module").value == "relu2"
    assert "64 of 64 units never fired at a recorded step" in _captions(app)
    app.query_params["run"] = "healthy"
    app.run()
    assert not app.exception
    assert "4 of 64 units never fired" in _captions(app)
