"""Logs as they really are: cut off, written by two processes, grown, gone, enormous. The page stays up and says what is."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from apps.values import LAYERS, Open, healthy_run, manifest, series, texts, write_log

from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.core.tag import Tag

PAGES = ("findings", "gradient_flow", "live")


def _everywhere(opened_at: Open, folder: Path) -> list[str]:
    """What each of the first pages says; none may fail."""
    said = []
    for page in PAGES:
        app = opened_at(folder)
        if page != "findings":
            app.switch_page(f"views/{page}.py").run()
        assert not app.exception, page
        assert "could not be drawn" not in texts(app), page
        said.append(texts(app))
    return said


def test_half_a_log_is_shown_with_a_remark(opened_at: Open, tmp_path: Path) -> None:
    (event_file,) = write_log(healthy_run(), tmp_path / "a").iterdir()
    whole = event_file.read_bytes()
    event_file.write_bytes(whole[: len(whole) // 2])
    findings, *_ = _everywhere(opened_at, tmp_path)
    assert "the last record is incomplete; it may still be written" in findings


def test_nan_everywhere_is_shown(opened_at: Open, tmp_path: Path) -> None:
    scalars = series("loss/train", np.full(100, np.nan))
    for layer in LAYERS:
        scalars |= series(f"grad_norm/{layer}", np.full(100, np.nan))
    write_log(Run(name="nan", manifest=manifest(), scalars=scalars), tmp_path / "a")
    findings, flow, live = _everywhere(opened_at, tmp_path)
    assert "critical" in findings
    assert "NaN" in live
    assert "Gradient norm" in flow or "‖g‖" in flow


def test_one_recorded_step_is_shown(opened_at: Open, tmp_path: Path) -> None:
    one = np.array([3])
    scalars = series("loss/train", np.array([2.3]), one) | series(f"grad_norm/{LAYERS[0]}", np.array([0.1]), one)
    write_log(Run(name="one", manifest=manifest(), scalars=scalars), tmp_path / "a")
    findings, flow, _ = _everywhere(opened_at, tmp_path)
    assert "1 recorded step   ·   last step 3" in findings
    assert "One step was recorded: 3." in flow


def test_tags_of_another_tool_are_understood_and_those_without_a_role_shown(opened_at: Open, tmp_path: Path) -> None:
    steps = np.arange(200)
    scalars = series("train_loss", np.linspace(2, 1, 200), steps) | series("my own/number", steps * 1.0, steps)
    write_log(Run(name="other", scalars=scalars), tmp_path / "a")
    findings, _, live = _everywhere(opened_at, tmp_path)
    assert "This log has no manifest: another tool wrote it." in findings
    assert "1\nloss" in live  # read as the training loss


def test_two_event_files_of_one_run_are_read_as_one(opened_at: Open, tmp_path: Path) -> None:
    early, late = np.arange(0, 500, 10), np.arange(500, 1000, 10)
    for steps in (early, late):
        write_log(Run(name="a", scalars=series("loss/train", np.exp(-steps / 300), steps)), tmp_path / "a")
    assert len(list((tmp_path / "a").iterdir())) == 2
    findings, *_ = _everywhere(opened_at, tmp_path)
    assert "100 recorded steps   ·   last step 990" in findings


def test_training_and_validation_folders_are_one_run(opened_at: Open, tmp_path: Path) -> None:
    import data

    for part in ("train", "validation"):
        write_log(Run(name=part, scalars=series("epoch_loss", np.linspace(2, 1, 100))), tmp_path / "keras" / part)
    app = opened_at(tmp_path)
    assert not app.exception
    assert app.selectbox(key="run").options == ["keras"]
    run = data.open_run(data.list_runs((tmp_path,))["keras"]).run
    assert {str(tag) for tag in run.scalars} >= {"loss/train", "loss/val"}


def test_two_folders_of_ours_stay_two_runs_whatever_they_are_called(tmp_path: Path) -> None:
    import data

    for part in ("train", "validation"):
        write_log(healthy_run(), tmp_path / part)
    assert sorted(data.list_runs((tmp_path,))) == ["train", "validation"]


def test_a_run_that_vanishes_while_it_is_open_is_said_to_be_gone(
    opened_at: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import data

    folder = write_log(healthy_run(), tmp_path / "a")
    app = opened_at(tmp_path)
    app.switch_page("views/live.py").run()
    assert "last recorded step" in texts(app)
    listed = data.list_runs((tmp_path,))
    monkeypatch.setattr(data, "list_runs", lambda _folders: listed)
    shutil.rmtree(folder)
    app.run()
    assert not app.exception
    assert "This run is gone" in texts(app)


def test_files_that_go_while_their_folder_stays_are_gone_too(tmp_path: Path) -> None:
    import data

    from torchvitals.errors import LogNotFoundError

    folder = write_log(healthy_run(), tmp_path / "a")
    data.open_run(folder)
    next(folder.iterdir()).unlink()
    with pytest.raises(LogNotFoundError, match="event files are gone"):
        data.open_run(folder)


def test_only_what_is_new_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import data

    from torchvitals.reading.source import LocalFile

    read: list[tuple[int, int]] = []
    plain = LocalFile.read
    monkeypatch.setattr(
        LocalFile, "read", lambda self, start, length: read.append((start, length)) or plain(self, start, length)
    )
    folder = write_log(healthy_run(), tmp_path / "a")
    first = data.open_run(folder).run
    read.clear()
    (event_file,) = folder.iterdir()
    size = event_file.stat().st_size
    with event_file.open("ab") as stream:
        later = write_log(Run(name="b", scalars=series("loss/val", np.ones(3), np.arange(3))), tmp_path / "b")
        stream.write(next(later.iterdir()).read_bytes())
    again = data.open_run(folder).run
    assert max(start for start, _ in read) == size
    assert sum(length for start, length in read if start < size) < size / 4  # the manifest is decoded again
    assert len(again.scalars) == len(first.scalars) + 1


def test_a_hundred_thousand_tags_are_quick(dashboard: Open) -> None:
    """What is listed is capped; the whole of it is only walked."""
    step = np.arange(3)
    tags = [Tag(measure="metric", subject=f"number {i}") for i in range(100_000)]
    scalars = {tag: Series(tag=tag, step=step, value=np.ones(3)) for tag in tags} | series("loss/train", np.ones(3), step)
    run = Run(name="many", scalars=scalars)
    start = time.process_time()
    app = dashboard((run, Diagnosis(run="many", verdict="unknown", problems=("lost",) * 10_000)))
    assert not app.exception
    assert "… and 9,950 more." in texts(app)
    assert time.process_time() - start < 5
    app.switch_page("views/gradient_flow.py").run()
    assert not app.exception
    assert len(app.dataframe[0].value) == 12
    assert time.process_time() - start < 20
