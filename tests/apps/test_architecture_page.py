"""The module outline, what the parameters are, and what a log without a manifest says."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from apps.values import Open, figures, series, texts

from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.manifest import Manifest, ModuleInfo, ParameterInfo
from torchvitals.core.run import Run

SAMPLES = Path(__file__).parents[2] / "sample_runs"


def parameter(module: str, *shape: int, trainable: bool = True, optimized: bool = True) -> ParameterInfo:
    return ParameterInfo(name=f"{module}.weight", module=module, shape=shape, trainable=trainable, optimized=optimized)


NESTED = Manifest(
    model="Net",
    modules=(
        ModuleInfo(name="embed", kind="Embedding", output_shape=(32, 24, 8)),
        ModuleInfo(name="encoder.0.attn", kind="MultiheadAttention"),
        ModuleInfo(name="encoder.0/relu#0", kind="F.relu", activation="relu"),
        ModuleInfo(name="head", kind="Linear", output_shape=(32, 4)),
        ModuleInfo(name="encoder.0.attn.out", kind="Linear", fired=False),
    ),
    parameters=(
        parameter("embed", 10, 8, trainable=False),
        parameter("encoder.0.attn", 8, 8),
        parameter("encoder.0.attn.out", 4, 4),
        parameter("head", 4, 10, optimized=False),
    ),
)


def _run(manifest: Manifest | None) -> Run:
    return Run(name="a", manifest=manifest, scalars=series("loss/train", np.ones(100)))


def _open(dashboard: Open, manifest: Manifest | None):
    app = dashboard((_run(manifest), Diagnosis(run="a", verdict="unknown")), page="architecture")
    assert not app.exception
    return app


def test_the_outline_is_a_tree_with_sums(dashboard: Open) -> None:
    app = _open(dashboard, NESTED)
    table = app.dataframe[0].value
    assert [m.replace("\u2003", "·") for m in table["module"]] == [
        "embed",
        "encoder",
        "·0",
        "··attn",
        "···out",
        "··relu#0",
        "head",
    ]
    assert list(table["parameters"]) == [80, 80, 80, 80, 16, 0, 40]
    assert list(table["state"]) == ["frozen", "trained", "trained", "trained", "trained", "", "in no optimizer"]
    assert table["shape"][4] == "never called"
    assert np.allclose(table["share"][[0, 6]], [40, 20])
    said = texts(app).splitlines()
    tiles = {word: value for value, word in itertools.pairwise(said)}
    assert (tiles["parameters"], tiles["trained"], tiles["in no optimizer"], tiles["never called"]) == ("200", "80", "40", "1")
    bars = {t["name"] for t in json.loads(figures(app)[0])["data"]}
    assert bars == {"trained", "frozen", "in no optimizer"}


def test_a_row_leads_to_its_layer(dashboard: Open) -> None:
    app = _open(dashboard, NESTED)
    app.session_state["outline-a"] = {"selection": {"rows": [6], "columns": [], "cells": []}}
    app.run()
    assert not app.exception
    link = app.get("page_link")[0].proto
    assert link.label == "All that was recorded of this layer →"
    assert "module=head" in link.query_string
    assert app.query_params["layer"] == "head"


def test_a_thousand_layers_are_one_table_and_one_chart(dashboard: Open) -> None:
    names = tuple(f"blocks.{i}.fc" for i in range(1000))
    manifest = replace(
        NESTED,
        modules=tuple(ModuleInfo(name=n, kind="Linear") for n in names),
        parameters=tuple(parameter(n, 4, 4) for n in names),
    )
    app = _open(dashboard, manifest)
    assert len(app.dataframe[0].value) == 2001  # blocks, its thousand parts, and a layer in each
    assert len(figures(app)) == 1


def test_a_log_without_a_manifest_names_the_call(dashboard: Open) -> None:
    app = _open(dashboard, None)
    assert "The log does not describe the network" in texts(app)
    assert any("torchvitals.watch(model, optimizer" in c.value for c in app.code)


def test_a_sample_run_shows_its_layer_that_no_optimizer_has(opened_at: Open) -> None:
    app = opened_at(SAMPLES, query={"run": "forgotten-layer"})
    app.switch_page("views/architecture.py").run()
    assert not app.exception
    states = app.dataframe[0].value.set_index("kind")["state"]
    assert list(states["Linear"]).count("in no optimizer") == 1
