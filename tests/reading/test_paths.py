"""What `read` and `find_runs` make of a path, good or bad."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from event_files import event_file, record_starts
from foreign_log import write_log

import torchvitals
from torchvitals.errors import EmptyLogError, LogError, LogNotFoundError
from torchvitals.reading.reader import find_runs

NAME = "events.out.tfevents.1"


def refused(path: Path, kind: type[LogError]) -> str:
    with pytest.raises(LogError) as caught:
        torchvitals.read(path)
    assert type(caught.value) is kind
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_a_missing_path(tmp_path: Path) -> None:
    assert "pass the logdir" in refused(tmp_path / "nowhere", LogNotFoundError)


def test_a_folder_without_event_files(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello", encoding="utf-8")
    assert "pass the logdir" in refused(tmp_path, EmptyLogError)


@pytest.mark.parametrize("path", [".", NAME])
def test_an_event_file_of_zero_bytes(tmp_path: Path, path: str) -> None:
    (tmp_path / NAME).touch()
    assert "was a training step taken" in refused(tmp_path / path, EmptyLogError)


@pytest.mark.parametrize("content", [b"hello", b"a text that is longer than any header", b"\0" * 40, bytes(range(256))])
def test_a_file_that_is_no_event_file(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "notes.txt"
    file.write_bytes(content)
    assert "not a TensorBoard event file" in refused(file, LogError)


def test_a_log_without_a_measurement(tmp_path: Path, logdir: Path) -> None:
    data = event_file(logdir).read_bytes()
    (tmp_path / NAME).write_bytes(data[: record_starts(data)[1] + 3])  # the file's version, and nothing whole after it
    assert "no measurement yet" in refused(tmp_path, EmptyLogError)


def test_a_folder_with_several_runs_asks_for_one_of_them(tmp_path: Path) -> None:
    for name in ("a", "deep/b"):
        write_log(tmp_path / name, {"loss": [1.0]})
    message = refused(tmp_path, LogError)
    assert "2 runs (a, deep/b)" in message
    assert "pass one of them" in message


def test_a_run_inside_a_run_is_a_run_of_its_own(tmp_path: Path) -> None:
    write_log(tmp_path, {"outer": [1.0]})
    write_log(tmp_path / "inner", {"inner": [2.0]})
    assert [str(t) for t in torchvitals.read(tmp_path).scalars] == ["outer"]
    assert [str(t) for t in torchvitals.read(tmp_path / "inner").scalars] == ["inner"]
    assert find_runs(tmp_path) == [tmp_path, tmp_path / "inner"]


def test_find_runs_lists_folders_once_and_sorted(tmp_path: Path, logdir: Path) -> None:
    for name in ("b", "a"):
        shutil.copytree(logdir, tmp_path / name)
    shutil.copy(event_file(logdir), tmp_path / "a" / NAME)
    (tmp_path / "empty").mkdir()
    assert find_runs(tmp_path) == [tmp_path / "a", tmp_path / "b"]
    file = event_file(tmp_path / "b")
    assert find_runs(file) == [file]
    assert find_runs(tmp_path / "empty") == []
    with pytest.raises(LogNotFoundError):
        find_runs(tmp_path / "nowhere")
