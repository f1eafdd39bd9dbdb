"""Whatever our values hold, strict JSON takes it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchvitals.core.finding import Evidence, Finding, Severity
from torchvitals.core.jsonable import jsonable

NUMBERS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text())
VALUES = st.recursive(
    NUMBERS, lambda inner: st.one_of(st.lists(inner).map(tuple), st.dictionaries(st.text(), inner)), max_leaves=10
)


@given(VALUES)
def test_strict_json_takes_everything(value: object) -> None:
    json.dumps(jsonable(value), allow_nan=False)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_finite_number_stays_what_it_is(value: float) -> None:
    assert json.loads(json.dumps(jsonable(value))) == value


@pytest.mark.parametrize(("value", "text"), [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity")])
def test_non_finite_numbers_become_words(value: float, text: str) -> None:
    assert jsonable({"a": [value]}) == {"a": [text]}


def test_a_finding_becomes_plain_values() -> None:
    evidence = Evidence(tag="loss/train", observed=math.nan, high=1.0)
    found = jsonable(Finding(symptom="x", code="X1", severity=Severity.WARNING, summary="s", evidence=(evidence,)))
    assert found["severity"] == "warning"
    assert type(found["severity"]) is str
    assert found["evidence"][0]["observed"] == "NaN"
    assert found["evidence"][0]["low"] is None


def test_a_class_is_not_taken_apart() -> None:
    @dataclass
    class Value:
        x: int

    assert jsonable(Value) is Value
    assert jsonable(Value(x=1)) == {"x": 1}
