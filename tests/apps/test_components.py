"""The examples in the components' docstrings, and which layers stand out."""

from __future__ import annotations

import doctest
import importlib
import math

import pytest


@pytest.mark.parametrize("name", ["components.measures", "components.rule_docs", "components.words"])
def test_the_examples_hold(name: str) -> None:
    outcome = doctest.testmod(importlib.import_module(name))
    assert outcome.attempted
    assert not outcome.failed


def test_non_finite_then_zero_then_the_farthest_stand_out() -> None:
    from components.measures import standing_out

    values = {"usual": 1.0, "small": 1e-4, "zero": 0.0, "inf": math.inf, "twice": 2.0, "same": 1.0}
    assert standing_out(values, "far from the others")[:3] == ["inf", "zero", "small"]


def test_a_fraction_stands_out_when_it_is_high_and_an_update_when_it_is_far_from_a_thousandth() -> None:
    from components.measures import standing_out

    assert standing_out({"none": 0.0, "half": 0.5, "all": 1.0, "nan": math.nan}, "high") == ["nan", "all", "half", "none"]
    assert standing_out({"good": 1e-3, "fast": 0.5, "slow": 1e-5}, "far from 1e-3")[0] == "fast"
    assert standing_out({}, "high") == []


def test_prose_keeps_code_and_lists_and_escapes_the_rest() -> None:
    from components.rule_docs import prose

    assert prose("- a_b\n- `c_d` costs $3") == "- a\\_b\n- `c_d` costs \\$3"
