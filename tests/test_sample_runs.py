"""The recorded sample runs are diagnosed as their folders say, and say where they come from."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

import torchvitals
from torchvitals.demo import Scenario, scenarios, showcases

FOLDER = Path(__file__).parents[1] / "sample_runs"
MEGABYTES = 12
ALL = (*scenarios(), *showcases())


def _recorder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sample_run_recorder", FOLDER / "record.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("scenario", ALL, ids=lambda s: s.name)
def test_a_sample_run_is_diagnosed_as_what_was_planted(scenario: Scenario) -> None:
    diagnosis = torchvitals.diagnose(FOLDER / scenario.name)
    expected = json.loads((FOLDER / scenario.name / "expected.json").read_text(encoding="utf-8"))
    assert _recorder().expectation(diagnosis) == expected
    if scenario.expected is None:
        assert diagnosis.verdict == "healthy"
        assert not diagnosis.findings
    else:
        assert (diagnosis.findings[0].symptom, diagnosis.findings[0].module) == (scenario.expected, scenario.module)


@pytest.mark.parametrize("scenario", ALL, ids=lambda s: s.name)
def test_a_sample_run_says_how_it_was_recorded(scenario: Scenario) -> None:
    readme = (FOLDER / scenario.name / "README.md").read_text(encoding="utf-8")
    assert "python sample_runs/record.py" in readme
    assert "seed 0" in readme
    assert "torch 2." in readme
    assert scenario.expected is None or scenario.expected in readme


def test_recording_again_gives_the_same_expectations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = _recorder()
    monkeypatch.setattr(recorder, "HERE", tmp_path)
    recorder.main()
    for scenario in ALL:
        new, old = (root / scenario.name / "expected.json" for root in (tmp_path, FOLDER))
        assert new.read_text(encoding="utf-8") == old.read_text(encoding="utf-8")


def test_together_they_stay_small() -> None:
    size = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file())
    assert size <= MEGABYTES * 1e6


def test_no_folder_is_left_over() -> None:
    folders = {path.name for path in FOLDER.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == {scenario.name for scenario in ALL}
