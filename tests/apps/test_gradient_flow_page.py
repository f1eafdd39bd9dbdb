"""Every layer at every step, then all layers at one step."""

from __future__ import annotations

import json

import numpy as np
import pytest
from apps.values import LAYERS, Open, figures, healthy, healthy_run, manifest, series, texts, vanishing, vanishing_run

from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.run import Run
from torchvitals.present.theme import CATEGORICAL


def _open_sick(dashboard: Open, **query: str):
    run = vanishing_run()
    app = dashboard((run, vanishing(run)), page="gradient_flow", query=query)
    assert not app.exception
    return app


def test_the_heatmap_shows_every_layer_input_on_top(dashboard: Open) -> None:
    heatmap = json.loads(figures(_open_sick(dashboard))[0])
    assert any(trace["type"] == "heatmap" for trace in heatmap["data"])
    spec = json.dumps(heatmap)
    assert all(layer in spec for layer in LAYERS)


def test_every_per_layer_measure_of_the_run_can_be_picked_and_no_other(dashboard: Open) -> None:
    assert _open_sick(dashboard).selectbox(key="measure").options == [
        "grad_norm",
        "update_ratio",
        "saturated_fraction",
        "nonfinite_gradients",
    ]


def test_measure_and_step_come_from_the_address(dashboard: Open) -> None:
    app = _open_sick(dashboard, measure="update_ratio", step="500")
    assert app.selectbox(key="measure").value == "update_ratio"
    assert app.select_slider(key="step").value == 500
    assert "All layers at step 500" in " ".join(m.value for m in app.markdown)


def test_an_impossible_step_falls_back_to_the_last_one(dashboard: Open) -> None:
    assert _open_sick(dashboard, step="7").select_slider(key="step").value == 990


def test_the_layer_that_is_not_finite_stands_out_first(dashboard: Open) -> None:
    table = _open_sick(dashboard).dataframe[0].value
    assert (table["layer"][0], table["value"][0]) == ("net.0.weight", "NaN")
    assert table["layer"][1] == "net.2.weight"


def test_the_bars_name_the_layer_that_has_no_bar(dashboard: Open) -> None:
    bars = json.loads(figures(_open_sick(dashboard))[1])
    named = {trace["name"]: trace["y"] for trace in bars["data"] if trace["type"] == "scatter"}
    assert named == {"not finite": ["net.0.weight"]}


def test_a_layer_leads_back_to_its_findings(dashboard: Open) -> None:
    app = _open_sick(dashboard, layer="net.0.weight")
    links = [link.proto.label for link in app.get("page_link")]
    assert links == ["vanishing-gradient since step 40 →", "Everything of this layer →"]


def test_a_layer_without_a_finding_says_so(dashboard: Open) -> None:
    app = _open_sick(dashboard, layer="net.14.weight")
    assert "No finding names this layer." in texts(app)
    assert [link.proto.label for link in app.get("page_link")] == ["All findings →", "Everything of this layer →"]


def test_a_healthy_run_has_a_picture_too(dashboard: Open) -> None:
    run = healthy_run()
    app = dashboard((run, healthy(run)), page="gradient_flow")
    assert not app.exception
    assert len(figures(app)) == 2
    assert "No finding in this run." in texts(app)


def test_a_run_without_layers_names_the_call_that_is_missing(dashboard: Open) -> None:
    run = Run(name="loss only", scalars=series("loss", np.ones(100)))
    app = dashboard((run, Diagnosis(run="loss only", verdict="unknown")), page="gradient_flow")
    assert not app.exception
    assert "No layer was measured in this run" in texts(app)
    assert any("torchvitals.watch(model, optimizer" in c.value for c in app.code)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
@pytest.mark.parametrize("page", ["findings", "gradient_flow"])
def test_a_run_that_is_nothing_but_nan_or_zero_is_shown(dashboard: Open, value: float, page: str) -> None:
    scalars = series("loss/train", np.full(100, value))
    for layer in LAYERS:
        scalars |= series(f"grad_norm/{layer}", np.full(100, value))
    run = Run(name="flat", manifest=manifest(), scalars=scalars)
    app = dashboard((run, vanishing(run)), page=page)
    assert not app.exception
    assert "could not be drawn" not in texts(app)
    assert figures(app)


@pytest.mark.parametrize("page", ["findings", "gradient_flow"])
def test_a_single_step_is_enough_for_a_page(dashboard: Open, page: str) -> None:
    one = np.array([3])
    scalars = series("loss/train", np.array([2.3]), one)
    for layer in LAYERS:
        scalars |= series(f"grad_norm/{layer}", np.array([0.1]), one)
    run = Run(name="short", manifest=manifest(), scalars=scalars)
    app = dashboard((run, Diagnosis(run="short", verdict="unknown")), page=page)
    assert not app.exception
    assert "could not be drawn" not in texts(app)
    if page == "gradient_flow":
        assert "One step was recorded: 3." in texts(app)


def _clicked(app, step: int, row: str):
    app.session_state["layer-map"] = {"selection": {"points": [{"customdata": [step, row]}], "point_indices": [0], "box": []}}
    app.run()
    assert not app.exception
    return app


def test_a_click_on_the_map_chooses_layer_and_step(dashboard: Open) -> None:
    app = _clicked(_open_sick(dashboard), 200, "net.10.weight")
    assert app.select_slider(key="step").value == 200
    assert app.query_params["layer"] == "net.10.weight"
    bars = json.loads(figures(app)[1])
    (bar,) = [trace for trace in bars["data"] if trace["type"] == "bar"]
    colours = dict(zip(bar["y"], bar["marker"]["color"], strict=True))
    assert [name for name, colour in colours.items() if colour == CATEGORICAL[0]] == ["net.10.weight"]


def test_a_click_is_taken_once_and_a_strange_one_not_at_all(dashboard: Open) -> None:
    app = _clicked(_open_sick(dashboard), 200, "net.10.weight")
    app.select_slider(key="step").set_value(500).run()
    assert app.select_slider(key="step").value == 500
    app = _clicked(app, 300, "of another run")
    assert app.select_slider(key="step").value == 500
    assert app.query_params["layer"] == "net.10.weight"


def _deep(layers: int = 1000):
    names = tuple(f"encoder.layers.{i // 20}.part{i % 20}.weight" for i in range(layers))
    steps = np.arange(0, 100, 10)
    scalars = series("loss/train", np.ones(len(steps)), steps)
    for i, name in enumerate(names):
        scalars |= series(f"grad_norm/{name}", np.full(len(steps), 1e-6 if i == 405 else 1.0 + i % 3), steps)
    return Run(name="deep", manifest=manifest(names), scalars=scalars)


def test_a_thousand_layers_are_folded_into_blocks_and_a_block_opens_its_worst_layer(dashboard: Open) -> None:
    run = _deep()
    app = dashboard((run, healthy(run)), page="gradient_flow")
    assert not app.exception
    assert app.selectbox(key="depth").value == "blocks of 3 name parts"
    heatmap = json.loads(figures(app)[0])
    assert len(heatmap["data"][0]["y"]) == 50
    app = _clicked(app, 50, "encoder.layers.20")
    assert app.query_params["layer"] == "encoder.layers.20.part5.weight"
    app.selectbox(key="depth").set_value("every layer").run()
    assert not app.exception
    heatmap, bars = (json.loads(spec) for spec in figures(app))
    assert len(heatmap["data"][0]["y"]) == 300
    drawn = [name for trace in bars["data"] for name in trace["y"]]
    assert len(drawn) == 60
    assert "60 of 1,000 layers at step 50" in " ".join(m.value for m in app.markdown)


def test_a_layer_that_does_not_stand_out_can_be_linked_to(dashboard: Open) -> None:
    run = _deep(100)
    app = dashboard((run, healthy(run)), page="gradient_flow", query={"layer": "encoder.layers.1.part2.weight"})
    table = app.dataframe[0].value
    assert len(table) == 13
    assert table["layer"].iloc[-1] == "encoder.layers.1.part2.weight"
    assert app.query_params["layer"] == "encoder.layers.1.part2.weight"


def test_no_trace_of_the_map_fades_when_a_cell_is_clicked(dashboard: Open) -> None:
    marks = [t for t in json.loads(figures(_open_sick(dashboard))[0])["data"] if t["type"] == "scatter"]
    assert marks
    assert all(t["unselected"]["marker"]["opacity"] == 1 for t in marks)
