"""The weights page: one distribution in three pictures, and norms of all layers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from apps.layer_runs import BLANK, dying, recorded_run
from apps.values import Open, figures, healthy_run, texts

from torchvitals.core.histogram import Histogram
from torchvitals.core.run import Run
from torchvitals.core.series import HistogramSeries
from torchvitals.core.tag import Tag

SAMPLES = Path(__file__).parents[2] / "sample_runs"


def _open(dashboard: Open, run: Run, diagnosis=BLANK, **query: str):
    app = dashboard((run, diagnosis), page="weights", query=query)
    assert not app.exception
    assert "could not be drawn" not in texts(app)
    return app


def _captions(app) -> str:
    return "\n".join(c.value for c in app.caption)


@pytest.mark.parametrize(("picture", "trace"), [("Percentiles", "median"), ("Heat strip", None), ("Ridgeline", "step 90")])
def test_the_same_distribution_in_three_pictures(dashboard: Open, picture: str, trace: str | None) -> None:
    app = _open(dashboard, recorded_run(), picture=picture)
    first, *norms = (json.loads(spec) for spec in figures(app))
    assert trace in [t.get("name") for t in first["data"]]
    assert len(norms) == 2


def test_kind_layer_and_step_come_from_the_address(dashboard: Open) -> None:
    app = _open(dashboard, recorded_run(), kind="Outputs", tensor="b", step="40")
    assert app.selectbox(key="tensor").value == "b"
    marked = [s["x0"] for s in json.loads(figures(app)[0])["layout"]["shapes"]]
    assert marked == [40]
    # 9 + 80 + 11 values between -0.5, -0.1, 0.1 and 0.6: a quarter lies below -0.1 + 0.2·(25 - 9)/80.
    assert "Step 40: median 0.0025, half of the values from -0.06 to 0.065, all of them from -0.5 to 0.6." in _captions(app)


def test_what_was_not_finite_is_counted_where_the_size_is_known(dashboard: Open) -> None:
    run, tag = recorded_run(), Tag.parse("weights/a.weight")  # 4 × 3 elements
    held = Histogram.of([-1.0, 1.0], [3.0])
    lost = HistogramSeries(tag=tag, step=np.array([0, 10]), value=(held, held))
    app = _open(dashboard, Run(name="r", manifest=run.manifest, scalars=run.scalars, histograms={tag: lost}))
    assert "75 % of the elements were not finite." in _captions(app)


def test_the_layer_leads_to_its_page_and_to_its_finding(dashboard: Open) -> None:
    app = _open(dashboard, recorded_run(), dying("a"))
    assert [link.proto.label for link in app.get("page_link")] == ["Everything of this layer →", "dead-relu since step 20 →"]


def test_histograms_of_other_tools_are_shown_under_their_own_names(dashboard: Open) -> None:
    tag = Tag.parse("my/hist")
    series = HistogramSeries(tag=tag, step=np.array([0]), value=(Histogram.of([0.0, 1.0], [2.0]),))
    app = _open(dashboard, Run(name="r", histograms={tag: series}))
    assert app.selectbox(key="tensor").options == ["my/hist"]
    assert "One step was recorded: 0." in texts(app)


def test_norms_alone_are_a_page_too(dashboard: Open) -> None:
    run = recorded_run()
    app = _open(dashboard, Run(name="r", manifest=run.manifest, scalars=run.scalars))
    assert "This log holds no distributions" in texts(app)
    assert len(figures(app)) == 2


def test_a_run_without_weights_names_the_call_that_is_missing(dashboard: Open) -> None:
    app = _open(dashboard, healthy_run())
    assert "No weights were recorded in this run" in texts(app)
    assert any("torchvitals.watch(model, optimizer" in c.value for c in app.code)


@pytest.mark.parametrize("run", [recorded_run(value=np.nan), recorded_run(steps=np.array([3])), recorded_run(foreign=True)])
def test_sick_short_and_foreign_runs_are_drawn(dashboard: Open, run: Run) -> None:
    assert len(figures(_open(dashboard, run, dying()))) == 3


def test_sample_runs_tell_weights_that_exploded_from_those_that_did_not(opened_at: Open) -> None:
    app = opened_at(SAMPLES, query={"run": "diverging"})
    app.query_params["tensor"] = "hidden2.weight"
    app.switch_page("views/weights.py").run()
    assert not app.exception
    app.selectbox(key="tensor").set_value("hidden2.weight").run()
    assert "Step 275: no value was finite." in _captions(app)
    assert "nothing finite, from step 25" in figures(app)[0]
    app.query_params["run"] = "healthy"
    app.run()
    assert not app.exception
    assert "Step 275: median" in _captions(app)
