from __future__ import annotations

import json
from pathlib import Path

import pytest
from foreign_log import write_log

SAMPLES = Path(__file__).parents[2] / "sample_runs"


def test_a_new_finding_is_named_and_exits_with_1(cli) -> None:
    result = cli("compare", SAMPLES / "healthy", SAMPLES / "vanishing")
    assert result.code == 1
    assert result.out == ""  # text for people leaves stdout to data
    assert "before  ✔ healthy" in result.err
    assert "after   ✖ critical" in result.err
    assert "new     ✖ critical  vanishing-gradient" in result.err
    assert "loss/train at the end" in result.err
    assert "Outside the ranges of the run before" in result.err


def test_the_other_way_round_it_is_fixed_and_fine(cli) -> None:
    result = cli("compare", SAMPLES / "vanishing", SAMPLES / "healthy", "--format", "json")
    told = json.loads(result.out)
    assert result.code == 0
    assert (told["baseline"]["verdict"], told["run"]["verdict"]) == ("critical", "healthy")
    assert [(c["symptom"], c["state"]) for c in told["changes"]] == [("vanishing-gradient", "fixed")]
    assert {n["name"]: n["moved"] for n in told["numbers"]}["loss/val at the end"] == "better"
    assert told["departures"] == []  # a sick run is no measure


def test_numbers_that_are_not_finite_are_strict_json(cli) -> None:
    result = cli("compare", SAMPLES / "healthy", SAMPLES / "diverging", "--format", "json", "--exit-zero")
    told = json.loads(result.out, parse_constant=pytest.fail)
    assert {n["name"]: n["after"] for n in told["numbers"]}["loss/train at the end"] == "NaN"
    assert result.code == 0


def test_what_is_not_new_does_not_fail(cli) -> None:
    assert cli("compare", SAMPLES / "vanishing", SAMPLES / "vanishing").code == 0


def test_a_run_that_cannot_be_judged_exits_with_3(cli, tmp_path: Path) -> None:
    write_log(tmp_path / "short", {"loss/train": [2.0, 1.9]})
    result = cli("compare", SAMPLES / "healthy", tmp_path / "short")
    assert result.code == 3
    assert "not recorded" in result.err


def test_several_runs_are_wrong_use_and_named(cli, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_log(tmp_path / name, {"loss/train": [2.0] * 30})
    result = cli("compare", tmp_path, SAMPLES / "healthy")
    assert result.code == 2
    assert "2 runs (a, b)" in result.err


def test_a_path_without_a_log_is_said(cli, tmp_path: Path) -> None:
    assert cli("compare", tmp_path / "nowhere", SAMPLES / "healthy").code == 3
