"""What is opened, and what is said when there is nothing to open."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from apps.values import Open, healthy_run, series, texts, vanishing_run, write_log

from torchvitals.core.run import Run


def _codes(app) -> str:
    return "\n".join(c.value for c in app.code)


def test_an_empty_folder_shows_how_to_record(opened_at: Open, tmp_path: Path) -> None:
    app = opened_at(tmp_path)
    assert not app.exception
    assert "No runs here yet" in texts(app)
    assert "torchvitals.watch(model, optimizer" in _codes(app)


def test_a_missing_folder_is_named(opened_at: Open, tmp_path: Path) -> None:
    app = opened_at(tmp_path / "nowhere")
    assert not app.exception
    assert "There is no such folder" in texts(app)
    assert str(tmp_path / "nowhere") in _codes(app)


def test_a_file_that_is_no_log_is_said_to_be_unreadable(opened_at: Open, tmp_path: Path) -> None:
    (tmp_path / "events.out.tfevents.1.host").write_bytes(b"this is not an event file" * 20)
    app = opened_at(tmp_path)
    assert not app.exception
    assert "This log cannot be read" in texts(app)
    assert "Traceback" not in _codes(app)


def test_a_log_that_was_cut_off_still_opens(opened_at: Open, tmp_path: Path) -> None:
    event_file = next(write_log(healthy_run(), tmp_path / "a").iterdir())
    event_file.write_bytes(event_file.read_bytes()[:-7])
    app = opened_at(tmp_path)
    assert not app.exception
    assert "cannot be read" not in texts(app)
    assert "100 recorded steps" in texts(app) or "99 recorded steps" in texts(app)


def test_a_log_of_another_tool_opens_and_is_called_so(opened_at: Open, tmp_path: Path) -> None:
    import numpy as np

    write_log(Run(name="other", scalars=series("loss", np.linspace(2, 1, 100))), tmp_path / "other")
    app = opened_at(tmp_path)
    assert not app.exception
    assert "This log has no manifest: another tool wrote it." in texts(app)


def test_a_run_that_vanishes_is_said_to_be_gone(opened_at: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import data

    folder = write_log(healthy_run(), tmp_path / "a")
    listed = data.list_runs((tmp_path,))
    shutil.rmtree(folder)
    monkeypatch.setattr(data, "list_runs", lambda _folders: listed)
    app = opened_at(tmp_path)
    assert not app.exception
    assert "This run is gone" in texts(app)


def test_a_log_that_grows_is_read_again(tmp_path: Path) -> None:
    import data

    folder = write_log(healthy_run(), tmp_path / "a")
    first = data.open_run(folder)
    assert data.open_run(folder) is first
    write_log(Run(name="more", scalars=series("loss/val", healthy_run().steps * 1.0)), folder)
    assert data.open_run(folder) is not first


def test_the_latest_run_comes_first_and_several_roots_are_told_apart(tmp_path: Path) -> None:
    import data

    for i, name in enumerate(("one/old", "one/new", "two/old")):
        (event_file,) = write_log(healthy_run(), tmp_path / name).iterdir()
        os.utime(event_file, (1_000_000 + (i == 1), 1_000_000 + (i == 1)))
    assert list(data.list_runs((tmp_path / "one",))) == ["new", "old"]
    assert list(data.list_runs((tmp_path / "one", tmp_path / "two"))) == ["one/new", "one/old", "two/old"]
    assert list(data.list_runs((tmp_path / "one" / "new",))) == ["new"]


def test_nothing_outside_the_root_can_be_opened(opened_at: Open, tmp_path: Path) -> None:
    write_log(vanishing_run(), tmp_path / "secret" / "run")
    write_log(healthy_run(), tmp_path / "shown" / "run")
    (tmp_path / "shown" / "link").symlink_to(tmp_path / "secret" / "run", target_is_directory=True)
    (tmp_path / "shown" / "linked").mkdir()
    inside = next((tmp_path / "secret" / "run").iterdir())
    (tmp_path / "shown" / "linked" / inside.name).symlink_to(inside)
    app = opened_at(tmp_path / "shown", query={"run": "../secret/run"})
    assert not app.exception
    assert app.selectbox(key="run").options == ["run"]
    assert app.selectbox(key="run").value == "run"


def test_a_recorded_log_opens_with_the_verdict_of_the_engine(opened_at: Open, tmp_path: Path) -> None:
    from torchvitals.diagnosis.engine import diagnose
    from torchvitals.reading.reader import read

    verdict = diagnose(read(write_log(vanishing_run(), tmp_path / "a"))).verdict
    app = opened_at(tmp_path)
    assert not app.exception
    assert {"unknown": "not enough"}.get(verdict, verdict) in texts(app)
    assert "DeepSigmoid" in texts(app)


def test_the_run_stands_in_the_address_also_when_nobody_chose_it(opened_at: Open, tmp_path: Path) -> None:
    for i, name in enumerate(("old", "new")):
        (event_file,) = write_log(healthy_run(), tmp_path / name).iterdir()
        os.utime(event_file, (1_000_000 + i, 1_000_000 + i))
    app = opened_at(tmp_path)
    assert app.query_params["run"] == "new"
    app.selectbox(key="run").set_value("old").run()
    assert app.query_params["run"] == "old"
    app.query_params["run"] = "new"  # a link, or the back button
    app.run()
    assert app.selectbox(key="run").value == "new"


def test_the_table_of_runs_says_what_is_known_and_filters(opened_at: Open, tmp_path: Path) -> None:
    for name in ("first", "second", "other"):
        write_log(healthy_run(), tmp_path / name)
    app = opened_at(tmp_path, query={"run": "second"})
    assert not [frame for frame in app.dataframe if "run" in frame.value]
    app.session_state["all-runs"] = True
    app.run()
    table = app.dataframe[0].value
    assert sorted(table["run"]) == ["first", "other", "second"]
    verdicts = dict(zip(table["run"], table["verdict"], strict=True))
    assert verdicts.pop("second") != "not opened"
    assert set(verdicts.values()) == {"not opened"}
    app.text_input(key="run-filter").set_value("OTH").run()
    assert list(app.dataframe[0].value["run"]) == ["other"]
    app.text_input(key="run-filter").set_value("no such").run()
    assert "No run of that name." in texts(app)


def test_a_thousand_runs_are_listed_without_reading_any(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    import data

    from torchvitals.reading.reader import Reader

    monkeypatch.setattr(Reader, "poll", lambda _self: pytest.fail("a log was read"))
    for i in range(1000):
        (tmp_path / f"run-{i:04}").mkdir()
        (tmp_path / f"run-{i:04}" / "events.out.tfevents.1.host").touch()
    start = time.process_time()
    assert len(data.list_runs((tmp_path,))) == 1000
    assert time.process_time() - start < 2


def test_a_table_row_opens_its_run(opened_at: Open, tmp_path: Path) -> None:
    for i, name in enumerate(("old", "new")):
        (event_file,) = write_log(healthy_run(), tmp_path / name).iterdir()
        os.utime(event_file, (1_000_000 + i, 1_000_000 + i))
    app = opened_at(tmp_path)
    app.session_state["all-runs"] = True
    app.session_state["runs-new-"] = {"selection": {"rows": [1], "columns": [], "cells": []}}
    app.run()
    assert not app.exception
    assert app.selectbox(key="run").value == "old"
