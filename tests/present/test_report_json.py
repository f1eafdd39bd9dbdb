from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError
from present.samples import HOSTILE, hostile_section, sections

from torchvitals.present.report import format_named

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "diagnosis.schema.json").read_text(encoding="utf-8"))
render = format_named("json").render


def strict(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_one_run_is_its_diagnosis(number: int) -> None:
    section = sections()[number]
    raw = strict(render([section]))
    Draft202012Validator(SCHEMA).validate(raw)
    assert raw["run"] == section.diagnosis.run


def test_several_runs_stand_in_a_list() -> None:
    raw = strict(render(sections()))
    Draft202012Validator(SCHEMA).validate(raw)
    assert [r["run"] for r in raw["runs"]] == [s.diagnosis.run for s in sections()]


def test_no_runs_are_still_valid() -> None:
    Draft202012Validator(SCHEMA).validate(strict(render([])))


def test_non_finite_numbers_are_strings() -> None:
    evidence = strict(render([sections()[2]]))["findings"][0]["evidence"]
    assert [(e["observed"], e["high"]) for e in evidence] == [("NaN", "Infinity"), ("Infinity", 0.01)]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_come_through_unchanged(name: str) -> None:
    raw = strict(render([hostile_section(name)]))
    Draft202012Validator(SCHEMA).validate(raw)
    assert raw["run"] == raw["findings"][0]["module"] == name


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("verdict", "fine"),
        ("schema_version", 2),
        ("findings", [{}]),
        ("skipped", [{"rule": "Not A Name", "reason": ""}]),
        ("more", 1),
    ],
)
def test_schema_refuses_what_is_wrong(key: str, value: object) -> None:
    raw = strict(render([sections()[0]]))
    with pytest.raises(ValidationError):
        Draft202012Validator(SCHEMA).validate({**raw, key: value})
