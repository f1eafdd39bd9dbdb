"""The layer page: all of one layer, at an address of its own."""

from __future__ import annotations

import doctest
import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from apps.layer_runs import BLANK, dying, recorded_run
from apps.values import Open, figures, series, texts

from torchvitals.core.manifest import Manifest, ModuleInfo, ParameterInfo
from torchvitals.core.run import Run

SAMPLES = Path(__file__).parents[2] / "sample_runs"
NASTY = '<img src=x onerror=alert(1)>**b** $x$ :red[r] [l](javascript:1) `c` "q'


def _open(dashboard: Open, run: Run, diagnosis=BLANK, **query: str):
    app = dashboard((run, diagnosis), page="layer", query=query)
    assert not app.exception
    assert "could not be drawn" not in texts(app)
    return app


def _labels(app) -> list[str]:
    return [link.proto.label for link in app.get("page_link")]


@pytest.mark.parametrize("name", ["components.layers", "components.layer_facts"])
def test_the_examples_hold(name: str) -> None:
    outcome = doctest.testmod(importlib.import_module(name))
    assert outcome.attempted
    assert not outcome.failed


def test_the_layer_of_the_address_with_its_facts(dashboard: Open) -> None:
    app = _open(dashboard, recorded_run(), module="b")
    assert app.selectbox(key="module").value == "b"
    said = texts(app)
    assert "Linear" in said
    assert "4 × 8" in said  # its output
    assert "4 × 3" in said  # its weight
    assert {c.value for c in app.caption} >= {"Kind", "weight", "Parameters"}


def test_only_what_was_measured_of_this_layer_is_drawn(dashboard: Open) -> None:
    app = _open(dashboard, recorded_run(), module="b")
    assert {m.value for m in app.markdown} >= {"#### Output", "#### Units", "#### Weights", "#### Update", "#### Distributions"}
    std = next(json.loads(f) for f in figures(app) if "Activation std" in f)
    line = std["data"][1]["y"]
    assert "a" not in [t.get("name") for t in std["data"]]
    assert line is not None
    assert len(figures(app)) == 4 + 3  # groups of scalars, then weights, gradients and outputs


def test_its_findings_are_linked_and_those_that_follow_name_their_cause(dashboard: Open) -> None:
    labels = _labels(_open(dashboard, recorded_run(), dying("b"), module="b"))
    assert labels[:2] == ["dead-relu since step 20 →", "zero-gradient since step 30, follows from dead-relu →"]
    assert any("Its weights" in label for label in labels)
    assert "No finding names this layer." in texts(_open(dashboard, recorded_run(), dying("b"), module="a"))


def test_the_neighbours_are_one_click_away(dashboard: Open) -> None:
    app = _open(dashboard, recorded_run(), module="b")
    app.button(key="go-Next →").click().run()
    assert app.selectbox(key="module").value == "c"
    assert app.button(key="go-Next →").disabled
    app.button(key="go-← Previous").click().run()
    app.button(key="go-← Previous").click().run()
    assert app.selectbox(key="module").value == "a"
    assert app.button(key="go-← Previous").disabled


def test_an_unknown_layer_means_the_first(dashboard: Open) -> None:
    assert _open(dashboard, recorded_run(), module="gone").selectbox(key="module").value == "a"


def test_frozen_forgotten_and_unreached_are_said(dashboard: Open) -> None:
    manifest = Manifest(
        modules=(ModuleInfo(name="a", kind="Linear", fired=False),),
        parameters=(
            ParameterInfo(name="a.weight", module="a", shape=(2, 2), trainable=False),
            ParameterInfo(name="a.bias", module="a", shape=(2,), optimized=False),
        ),
    )
    said = texts(_open(dashboard, Run(name="r", manifest=manifest)))
    assert "No recorded forward pass reached this layer." in said
    assert "requires_grad is off: a.weight." in said
    assert "In no parameter group of an optimizer that was seen: a.bias." in said
    assert "Nothing was measured of this layer" in said


def test_a_foreign_log_has_layers_by_the_names_in_it(dashboard: Open) -> None:
    app = _open(dashboard, recorded_run(foreign=True), module="c")
    assert app.selectbox(key="module").options == ["a", "b", "c"]
    assert "The log does not describe this layer" in texts(app)
    assert len(figures(app)) == 7


def test_a_run_without_layers_names_the_call_that_is_missing(dashboard: Open) -> None:
    app = _open(dashboard, Run(name="r", scalars=series("loss/train", np.ones(100))))
    assert "No layer is known of this run" in texts(app)
    assert any("torchvitals.watch(model, optimizer" in c.value for c in app.code)


@pytest.mark.parametrize("run", [recorded_run(value=np.nan), recorded_run(steps=np.array([3]))])
def test_sick_and_short_runs_are_drawn(dashboard: Open, run: Run) -> None:
    assert len(figures(_open(dashboard, run, dying()))) == 7


def test_a_thousand_layers_cost_no_more_than_one(dashboard: Open) -> None:
    run = recorded_run(tuple(f"l{i:03}" for i in range(1000)), steps=np.array([0, 10]))
    app = _open(dashboard, run, module="l500")
    assert len(app.selectbox(key="module").options) == 1000
    assert len(figures(app)) == 7


@pytest.mark.parametrize("page", ["activations", "weights", "layer"])
@pytest.mark.parametrize("name", [NASTY, "x" * 10_000, "a\u202eb"])
def test_a_hostile_name_reaches_no_markdown_no_html_and_no_label(dashboard: Open, page: str, name: str) -> None:
    run = recorded_run((name, "b"))
    app = dashboard((run, dying(name)), page=page)
    assert not app.exception
    assert "could not be drawn" not in texts(app)
    rendered = [m.value for m in app.markdown] + [c.value for c in app.caption] + [b.label for b in app.button] + _labels(app)
    assert not [text for text in rendered if name[:30] in text]
    assert not [
        spec for spec in figures(app) if "<img" in json.dumps([t for t in json.loads(spec)["data"] if t.pop("customdata", 1)])
    ]
    picker = app.selectbox(key="tensor" if page == "weights" else "module")
    assert "\u202e" not in "".join(picker.options)


def test_sample_runs_open_at_a_layer(opened_at: Open) -> None:
    app = opened_at(SAMPLES, query={"run": "dead-relu"})
    app.switch_page("views/layer.py").run()
    app.selectbox(key="module").set_value("relu2").run()
    assert not app.exception
    assert "dead-relu since step 0 →" in _labels(app)
    assert "ReLU" in texts(app)
    app.query_params["run"] = "healthy"
    app.run()
    assert not app.exception
    assert "No finding names this layer." in texts(app)
