"""How far back the loss reaches, and whether attention still chooses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from apps.values import Open, figures, series, texts
from hand_made import run_of

from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.finding import Clean
from torchvitals.core.manifest import Manifest, ModuleInfo
from torchvitals.core.run import Run

SAMPLES = Path(__file__).parents[2] / "sample_runs"
JUDGED = Diagnosis(run="run", verdict="healthy", clean=(Clean(rule="attention-collapse", reason="entropy 0.9"),))


def _open(dashboard: Open, run: Run, **query: str):
    app = dashboard((run, JUDGED), page="sequences", query=query)
    assert not app.exception
    assert "could not be drawn" not in texts(app)
    return app


def _recurrent() -> Run:
    scalars = {"memory_horizon_fraction/lstm": [0.4] * 9, "recurrent_spectral_norm/lstm.weight_hh_l0": [0.9] * 9}
    norms = [[10.0 ** (t - 9) for t in range(10)]] * 9
    return run_of(scalars, vectors={"sequence_grad_norm/lstm": norms, "sequence_grad_norm/lstm2": norms[:1]})


def test_a_recurrent_network_shows_its_memory_and_no_attention(dashboard: Open) -> None:
    app = _open(dashboard, _recurrent())
    horizon, norm, through_time = (json.loads(spec) for spec in figures(app))
    assert horizon["data"][0]["name"] == "lstm"
    assert norm["layout"]["shapes"][0]["y0"] == 1.0  # the border between fading and growing
    assert through_time["data"][0]["type"] == "heatmap"
    headings = [m.value for m in app.markdown]
    assert "#### Recurrent layers" in headings
    assert "#### Attention" not in headings
    assert "No rule has looked at this in this run." in texts(app)


def test_the_layer_whose_gradient_is_shown_can_be_chosen_in_the_address(dashboard: Open) -> None:
    app = _open(dashboard, _recurrent(), **{"sequence-grad-norm": "lstm2"})
    assert app.selectbox(key="sequence-grad-norm").value == "lstm2"
    gradient = next(e for e in app.get("plotly_chart") if e.proto.alt.startswith("Gradient at every time step"))
    assert gradient.proto.alt.endswith("Of lstm2.")


def test_attention_shows_entropy_logits_and_heads(dashboard: Open) -> None:
    run = run_of(
        {"attention_entropy/a": [0.9, 0.8], "attention_max_logit/a": [1.0, 300.0]},
        vectors={"attention_head_entropy/a": [[0.9, 0.1], [0.8, 0.2]]},
    )
    app = _open(dashboard, run)
    assert list(app.dataframe[0].value["What it saw"]) == ["entropy 0.9"]
    logits, heads = (json.loads(spec) for spec in figures(app)[1:])
    assert logits["layout"]["yaxis"]["type"] == "log"
    assert heads["layout"]["yaxis"]["title"]["text"] == "head"


def test_a_hundred_attention_layers_are_one_heat_map(dashboard: Open) -> None:
    run = run_of({f"attention_entropy/block.{i}": [0.9, 0.8] for i in range(100)})
    (spec,) = figures(_open(dashboard, run))
    assert json.loads(spec)["data"][0]["type"] == "heatmap"


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (None, "Nothing about sequences stands in this log"),
        (Manifest(modules=(ModuleInfo(name="rnn", kind="LSTM"),)), "Not measured in this run"),
        (Manifest(modules=(ModuleInfo(name="fc", kind="Linear"),)), "No recurrent layers and no attention in this network"),
    ],
)
def test_why_there_is_nothing_to_see(dashboard: Open, manifest: Manifest | None, said: str) -> None:
    run = Run(name="run", manifest=manifest, scalars=series("loss/train", np.ones(100)))
    assert said in texts(_open(dashboard, run))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_shown(dashboard: Open, value: float) -> None:
    run = run_of({"memory_horizon/lstm": [value]}, vectors={"sequence_grad_norm/lstm": [[value, value]]})
    assert all("not finite" in spec for spec in figures(_open(dashboard, run)))


@pytest.mark.parametrize("name", ["healthy", "vanishing"])
def test_sample_runs_have_neither(opened_at: Open, name: str) -> None:
    app = opened_at(SAMPLES, query={"run": name})
    app.switch_page("views/sequences.py").run()
    assert not app.exception
    assert "No recurrent layers and no attention in this network" in texts(app)
