"""Filters & feature maps: what the weights look for, and what they find in a sample."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from apps.values import Open, figures, texts
from present.learned_samples import attention_run, convolution_run, learned_run
from streamlit.testing.v1 import AppTest

from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.run import Run

SAMPLES = Path(__file__).parents[2] / "sample_runs"
NASTY = '<img src=x onerror=alert(1)>**b** $x$ :red[r] [l](javascript:1) `c` "q'


def _open(dashboard: Open, run: Run, **query: str) -> AppTest:
    app = dashboard((run, Diagnosis(run=run.name, verdict="unknown")), page="filters", query=query)
    assert not app.exception
    assert "could not be drawn" not in texts(app)
    return app


def _headings(app: AppTest) -> list[str]:
    return [m.value.removeprefix("#### ") for m in app.markdown if m.value.startswith("####")]


def test_filters_come_first_then_their_health_then_the_maps(dashboard: Open) -> None:
    app = _open(dashboard, convolution_run())
    assert _headings(app) == ["Filters", "Every filter over the run", "Feature maps"]
    assert len(figures(app)) == 4  # the sample stands beside its maps
    assert "6 filters of 1×3×3   ·   1 dead   ·   mid-grey is 0" in [c.value for c in app.caption]


def test_the_dead_filter_is_framed_at_the_last_look_and_not_before(dashboard: Open) -> None:
    run = convolution_run()
    assert '"text":"dead"' in figures(_open(dashboard, run))[0].replace(": ", ":")
    assert '"text":"dead"' not in figures(_open(dashboard, run, step="10"))[0].replace(": ", ":")


def test_layer_step_order_and_measure_come_from_the_address(dashboard: Open) -> None:
    app = _open(dashboard, convolution_run(), module="conv2", step="10")
    assert app.selectbox(key="module").value == "conv2"
    assert app.select_slider(key="step").value == 10
    assert app.selectbox(key="module").options == ["conv1", "conv2"]
    assert _headings(app) == ["Filters"]
    app = _open(dashboard, convolution_run(), order="norm", measure="Activity")
    words = json.loads(figures(app)[0])["data"][1]["text"]
    norms = np.sqrt(
        np.square(next(s for t, s in convolution_run().tensors.items() if t.subject == "conv1").value[-1]).sum(axis=(1, 2, 3))
    )
    assert words[0][0].startswith(f"filter {norms.argmax()}<br>")
    assert '"activity"' in figures(app)[1]


def test_an_input_channel_can_be_picked_where_there_are_several(dashboard: Open) -> None:
    app = _open(dashboard, convolution_run(), module="conv2", channel="4")
    assert app.selectbox(key="channel").options == ["strongest", "0", "1", "2", "3", "4", "5"]
    assert app.selectbox(key="channel").value == "4"
    assert "channel" not in [s.key for s in _open(dashboard, convolution_run()).selectbox]


def test_attention_is_shown_without_any_convolution(dashboard: Open) -> None:
    app = _open(dashboard, attention_run(), call="layer.self_attn", attended="1")
    assert _headings(app) == ["Attention"]
    words = json.loads(figures(app)[0])["data"][1]["text"][0]
    assert words[0] == "head 0<br>mean entropy 1.61 of 1.61 nats"  # the second sample has the heads the other way round
    assert "One look was taken, at step 0." in texts(app)


@pytest.mark.parametrize("manifest", [True, False])
def test_a_run_without_looks_names_both_calls(dashboard: Open, manifest: bool) -> None:
    app = _open(dashboard, learned_run(manifest=manifest, scalars={"loss/train": [1.0, 0.5]}))
    assert "No filters or feature maps were recorded in this run" in texts(app)
    code = "\n".join(c.value for c in app.code)
    assert "torchvitals.watch(model, optimizer, logdir=…, probe=(inputs, targets))" in code
    assert "torchvitals.explain(model, inputs, targets, logdir=…)" in code
    assert figures(app) == []


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_filters_and_maps_of_one_value_are_shown(dashboard: Open, value: float) -> None:
    run = learned_run(
        vectors={f"filter_{m}/conv1": [np.full(4, value)] for m in ("norm", "activity", "similarity", "roughness", "change")},
        tensors={
            "filter_weights/conv1": [np.full((4, 2, 3, 3), value)],
            "feature_map_values/conv1": [np.full((1, 4, 3, 3), value)],
            "attention_values/a": [np.full((1, 2, 3, 3), value)],
        },
    )
    app = _open(dashboard, run)
    assert len(figures(app)) == 4
    assert ("4 not finite" in " ".join(c.value for c in app.caption)) == (not np.isfinite(value))


def test_health_alone_is_a_page_too(dashboard: Open) -> None:
    app = _open(dashboard, learned_run(vectors={"filter_norm/conv1": [np.ones(512)]}))
    assert _headings(app) == ["Every filter over the run"]


def test_a_thousand_layers_are_one_picker_and_a_few_panels(dashboard: Open) -> None:
    names = [f"block.{i}.conv" for i in range(1000)]
    run = learned_run(
        tensors={f"filter_weights/{n}": [np.ones((2, 1, 3, 3))] for n in names}, modules=[(n, "Conv2d") for n in names]
    )
    app = _open(dashboard, run)
    assert app.selectbox(key="module").options == names
    assert len(figures(app)) == 1


def test_a_hostile_name_reaches_no_markdown_no_html_and_no_label(dashboard: Open) -> None:
    run = learned_run(
        vectors={f"filter_norm/{NASTY}": [np.ones(2)]},
        tensors={
            f"filter_weights/{NASTY}": [np.ones((2, 1, 3, 3))],
            f"attention_values/{NASTY}": [np.ones((1, 1, 2, 2))],
        },
        modules=[(NASTY, "Conv2d")],
    )
    app = _open(dashboard, run)
    shown = [m.value for m in app.markdown] + [c.value for c in app.caption] + [h.proto.body for h in app.get("html")]
    assert not [text for text in shown if "onerror" in text]
    assert not [spec for spec in figures(app) if "onerror" in spec]


@pytest.mark.parametrize("name", ["healthy", "vanishing"])
def test_the_sample_runs_have_a_page(opened_at: Open, name: str) -> None:
    opened_at(SAMPLES)
    app = opened_at(SAMPLES, query={"run": name})
    app.switch_page("views/filters.py").run()
    assert not app.exception
    assert "could not be drawn" not in texts(app)
    assert app.selectbox(key="run").value == name
    assert figures(app) or "No filters or feature maps were recorded in this run" in texts(app)
