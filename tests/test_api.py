"""The calls of the README: what they take, what they give back, and what they say when they cannot."""

from __future__ import annotations

import importlib
import json
import pkgutil
from pathlib import Path

import pytest
from foreign_log import write_log

import torchvitals
from torchvitals.errors import ConfigError, LogNotFoundError


@pytest.fixture
def logdir(tmp_path: Path) -> Path:
    """A log with a falling loss."""
    folder = tmp_path / "a-run"
    write_log(folder, {"loss/train": [2.0 - 0.05 * i for i in range(30)]})
    return folder


def test_diagnose_takes_a_run_a_path_and_a_text(logdir: Path) -> None:
    run = torchvitals.read(logdir)
    assert isinstance(run, torchvitals.Run)
    told = {torchvitals.diagnose(what).to_json() for what in (run, logdir, str(logdir))}
    assert len(told) == 1


@pytest.mark.parametrize(("suffix", "start"), [("html", "<!doctype html>"), ("json", "{"), ("md", "#"), ("txt", "")])
def test_the_suffix_chooses_the_format_of_a_report(logdir: Path, tmp_path: Path, suffix: str, start: str) -> None:
    target = tmp_path / "new" / f"report.{suffix}"
    assert torchvitals.report(logdir, target) == target
    text = target.read_text(encoding="utf-8")
    assert text.lower().startswith(start)
    assert "a-run" in text


def test_a_json_report_is_the_diagnosis(logdir: Path, tmp_path: Path) -> None:
    written = torchvitals.report(torchvitals.read(logdir), str(tmp_path / "report.json"))
    assert json.loads(written.read_text(encoding="utf-8")) == torchvitals.diagnose(logdir).to_dict()


def test_several_runs_share_a_report(logdir: Path, tmp_path: Path) -> None:
    write_log(tmp_path / "other", {"loss/train": [1.0] * 30})
    written = torchvitals.report([torchvitals.read(logdir), tmp_path / "other"], tmp_path / "report.md")
    text = written.read_text(encoding="utf-8")
    assert "a-run" in text
    assert "other" in text


@pytest.mark.parametrize("name", ["report.pdf", "report"])
def test_an_unknown_suffix_is_refused_before_anything_is_read_or_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"end in one of .*\.html"):
        torchvitals.report(tmp_path / "nowhere", tmp_path / "new" / name)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("call", [torchvitals.read, torchvitals.diagnose])
def test_errors_of_the_log_come_through(call: object, tmp_path: Path) -> None:
    with pytest.raises(LogNotFoundError, match="nowhere"):
        call(tmp_path / "nowhere")  # type: ignore[operator]


def test_no_report_is_left_behind_when_the_log_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(LogNotFoundError):
        torchvitals.report(tmp_path / "nowhere", tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_submodules_do_not_hide_the_calls() -> None:
    """A package's attribute of a submodule's name is the submodule, once somebody imports it."""
    for module in pkgutil.walk_packages(torchvitals.__path__, "torchvitals."):
        if "dashboard_app" not in module.name:
            importlib.import_module(module.name)
    assert all(callable(getattr(torchvitals, name)) for name in ("watch", "read", "diagnose", "report"))


def test_a_wrong_attribute_names_the_right_ones() -> None:
    with pytest.raises(AttributeError, match=r"'diagnos'.*it offers .*diagnose"):
        torchvitals.diagnos  # noqa: B018
