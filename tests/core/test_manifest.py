"""The manifest survives the log, and a log of a newer or a broken version does no harm."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchvitals.core.manifest import Manifest, MeasureInfo, ModuleInfo, ParameterInfo, Unseen

NAMES = st.text(max_size=8)
SHAPES = st.lists(st.integers(0, 99), max_size=4).map(tuple)
MANIFESTS = st.builds(
    Manifest,
    versions=st.lists(st.tuples(NAMES, NAMES), max_size=2).map(tuple),
    seed=st.none() | st.integers(),
    model=NAMES,
    optimizers=st.lists(NAMES, max_size=2).map(tuple),
    every=st.none() | st.integers(1, 9),
    modules=st.lists(
        st.builds(ModuleInfo, name=NAMES, kind=NAMES, output_shape=st.none() | SHAPES, activation=st.none() | NAMES), max_size=2
    ).map(tuple),
    parameters=st.lists(st.builds(ParameterInfo, name=NAMES, module=NAMES, shape=SHAPES), max_size=2).map(tuple),
    measures=st.lists(st.builds(MeasureInfo, name=NAMES, unit=NAMES, meaning=NAMES), max_size=2).map(tuple),
    seen=st.lists(NAMES, max_size=2).map(tuple),
    unseen=st.lists(st.builds(Unseen, subject=NAMES, reason=NAMES), max_size=2).map(tuple),
)


@given(MANIFESTS)
def test_what_is_written_is_read_back(manifest: Manifest) -> None:
    assert Manifest.from_json(manifest.to_json()) == manifest


@given(MANIFESTS)
def test_fields_of_a_newer_version_are_left_out(manifest: Manifest) -> None:
    raw = json.loads(manifest.to_json())
    raw["novelty"] = {"deep": [1]}
    for group in ("modules", "parameters", "measures", "unseen"):
        for item in raw[group]:
            item["novelty"] = 1
    assert Manifest.from_json(json.dumps(raw)) == manifest


def test_fields_that_an_older_version_did_not_write_have_their_defaults() -> None:
    assert Manifest.from_json('{"model": "Net"}') == Manifest(model="Net")


@pytest.mark.parametrize("text", ["[]", "3", "null", '"x"', '{"modules": [1]}', '{"modules": 1}', '{"modules": [{}]}'])
def test_json_that_is_no_manifest_is_a_type_error(text: str) -> None:
    with pytest.raises(TypeError):
        Manifest.from_json(text)


def test_lookups() -> None:
    module, measure = ModuleInfo(name="fc", kind="Linear"), MeasureInfo(name="m", unit="bytes", meaning="x")
    manifest = Manifest(modules=(module,), measures=(measure,))
    assert (manifest.module("fc"), manifest.module("gone")) == (module, None)
    assert (manifest.unit("m"), manifest.unit("gone")) == ("bytes", "")
    assert ParameterInfo(name="w", module="", shape=(3, 4, 5)).size == 60
    assert ParameterInfo(name="w", module="", shape=()).size == 1
