"""Attributions & predictions: how good the answers are, and what they rest on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from apps.values import Open, figures, texts
from present.learned_samples import (
    attention_run,
    autoencoder_run,
    classified_scalars,
    classified_tensors,
    classified_vectors,
    convolution_run,
    learned_run,
    regression_run,
)
from streamlit.testing.v1 import AppTest

from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.run import Run

SAMPLES = Path(__file__).parents[2] / "sample_runs"


def _open(dashboard: Open, run: Run, **query: str) -> AppTest:
    app = dashboard((run, Diagnosis(run=run.name, verdict="unknown")), page="attributions", query=query)
    assert not app.exception
    assert "could not be drawn" not in texts(app)
    return app


def _headings(app: AppTest) -> list[str]:
    return [m.value.removeprefix("#### ") for m in app.markdown if m.value.startswith("#### ")]


def test_predictions_come_before_what_they_rest_on(dashboard: Open) -> None:
    app = _open(dashboard, convolution_run())
    assert _headings(app) == [
        "Which classes are taken for which",
        "As sure as right?",
        "Furthest from the truth",
        "How it arranges the samples",
        "What the answers rest on",
    ]
    assert len(figures(app)) == 5


def test_the_accuracy_stands_beside_that_of_the_most_frequent_class(dashboard: Open) -> None:
    said = texts(_open(dashboard, convolution_run()))
    assert "Right on 75 % of the probe. Always naming the most frequent class would be right on 25 %." in said
    assert "Least recognized: class 3, 3 of its 6 samples right; most often taken for class 0." in said
    assert "75 %\naccuracy\n25 %\nmost frequent class\n5 %\ncalibration error" in said


def test_an_accuracy_within_chance_is_said_to_be_nothing(dashboard: Open) -> None:
    said = texts(_open(dashboard, convolution_run(), step="0"))
    assert "With 24 samples the difference is within chance" in said


def test_the_quality_of_the_attributions_is_said_at_each_step(dashboard: Open) -> None:
    late, early = (texts(_open(dashboard, convolution_run(), **query)) for query in ({}, {"step": "0"}))
    assert "Rank correlation with random weights 0.1: with random weights the map is another one" in late
    assert "Rank correlation with random weights 0.9: random weights give nearly the same map." in early
    assert "Convergence delta 0.01, " in late


def test_the_samples_of_the_address_are_drawn(dashboard: Open) -> None:
    app = _open(dashboard, convolution_run(), samples="4")
    assert app.multiselect(key="samples").value == [4]
    overlay = json.loads(figures(app)[-1])
    assert overlay["layout"]["yaxis"]["ticktext"] == ["true 0<br>said 0"]
    assert overlay["layout"]["xaxis"]["ticktext"] == ["input", "Grad-CAM", "integrated gradients", "with random weights"]


def test_nothing_picked_says_so(dashboard: Open) -> None:
    app = _open(dashboard, convolution_run())
    app.multiselect(key="samples").set_value([]).run()
    assert "Pick a sample to see what its answer rests on." in texts(app)


def test_a_regression_has_its_scatter_and_a_baseline(dashboard: Open) -> None:
    run = regression_run()
    app = _open(dashboard, run, output="1")
    outputs, targets = (
        next(s.value[0][:-1] for t, s in run.tensors.items() if t.measure == f"probe_{m}") for m in ("outputs", "targets")
    )
    expected = 1 - np.square(targets - outputs).sum() / np.square(targets - targets.mean(axis=0)).sum()
    assert f"{expected:.3g}\nR² on the probe" in texts(app)
    assert _headings(app) == ["Predictions and residuals", "What the answers rest on"]
    assert app.selectbox(key="output").value == 1
    assert len(figures(app)) == 1 + 3  # a table of features has bars for each of three samples


def test_tokens_are_named_by_their_number(dashboard: Open) -> None:
    tokens = np.array([[3.0, 17.0], [5.0, 6.0]])
    run = learned_run(
        tensors={"probe_inputs/model": [tokens], "integrated_gradients_values/model": [np.ones((2, 2))]},
        modules=(("embedding", "Embedding"),),
    )
    bars = [json.loads(spec)["data"][0]["y"] for spec in figures(_open(dashboard, run))]
    assert bars == [["0: token 3", "1: token 17"], ["0: token 5", "1: token 6"]]


def test_an_autoencoder_shows_input_above_reconstruction(dashboard: Open) -> None:
    app = _open(dashboard, autoencoder_run())
    assert _headings(app) == ["Input and reconstruction"]
    assert "Active latent units in code: 3 of 4." in texts(app)
    assert json.loads(figures(app)[0])["layout"]["yaxis"]["ticktext"] == ["input", "output"]


@pytest.mark.parametrize("manifest", [True, False])
def test_a_run_without_looks_names_both_calls(dashboard: Open, manifest: bool) -> None:
    app = _open(dashboard, learned_run(manifest=manifest, scalars={"loss/train": [1.0, 0.5]}))
    assert "No predictions or attributions were recorded in this run" in texts(app)
    assert "torchvitals.explain(model, inputs, targets, logdir=…)" in "\n".join(c.value for c in app.code)
    assert figures(app) == []


def test_filters_alone_are_no_predictions(dashboard: Open) -> None:
    assert "No predictions or attributions" in texts(_open(dashboard, attention_run()))


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_predictions_of_one_value_are_shown(dashboard: Open, value: float) -> None:
    run = learned_run(
        scalars={tag: [value] for tag in (*classified_scalars(), "convergence_delta/model", "attribution_agreement/model")},
        vectors={tag: [np.full(v[0].shape, value)] for tag, v in classified_vectors().items()},
        tensors={tag: [np.full(v[0].shape, value)] for tag, v in classified_tensors().items()}
        | {
            "probe_inputs/model": [np.full((24, 1, 4, 4), value)],
            "integrated_gradients_values/model": [np.full((3, 1, 4, 4), value)],
            "reconstruction_values/model": [np.full((24, 1, 4, 4), value)],
            "embedding_values/head": [np.full((24, 3), value)],
        },
    )
    app = _open(dashboard, run)
    assert len(figures(app)) == 6
    assert ("not read" in texts(app)) == (not np.isfinite(value))


def test_one_sample_is_enough(dashboard: Open) -> None:
    run = learned_run(
        vectors={"probe_loss_per_sample/model": [np.array([2.0])]},
        tensors={"integrated_gradients_values/model": [np.ones((1, 4))], "probe_outputs/model": [np.ones((1, 3))]},
    )
    assert _headings(_open(dashboard, run)) == ["Furthest from the truth", "What the answers rest on"]


@pytest.mark.parametrize("name", ["healthy", "diverging"])
def test_the_sample_runs_have_a_page(opened_at: Open, name: str) -> None:
    opened_at(SAMPLES)
    app = opened_at(SAMPLES, query={"run": name})
    app.switch_page("views/attributions.py").run()
    assert not app.exception
    assert "could not be drawn" not in texts(app)
    assert app.selectbox(key="run").value == name
    assert figures(app) or "No predictions or attributions were recorded in this run" in texts(app)
