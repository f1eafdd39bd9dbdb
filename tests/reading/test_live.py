"""Following a log that is being written."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from torch.utils.tensorboard import SummaryWriter

import torchvitals
from torchvitals.errors import LogNotFoundError
from torchvitals.reading.reader import Reader

POLL_S = 1e-3


def test_new_points_come_with_the_next_poll(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    assert reader.poll() is None
    with SummaryWriter(str(tmp_path)) as writer:
        for step in range(4):
            writer.add_scalar("loss", step, step)
            writer.flush()
            run = reader.poll()
            assert run is not None
            assert run.scalars[torchvitals.core.tag.Tag(measure="loss")].step.tolist() == list(range(step + 1))
            assert reader.poll() is None


def test_every_file_of_the_folder_is_followed(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    with SummaryWriter(str(tmp_path), filename_suffix="_1") as one, SummaryWriter(str(tmp_path), filename_suffix="_2") as two:
        for step in range(3):
            one.add_scalar("loss/train", step, step)
            two.add_scalar("loss/val", step, step)
            one.flush()
            two.flush()
            run = reader.poll()
            assert run is not None
            assert [len(s) for s in run.scalars.values()] == [step + 1, step + 1]


def test_a_run_that_was_handed_out_does_not_change(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("loss", 1.0, 0)
        writer.flush()
        first = reader.poll()
        writer.add_scalar("loss", 2.0, 1)
        writer.flush()
        assert reader.poll() is not None
    assert first is not None
    assert first.steps.tolist() == [0]


def test_a_log_written_anew_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "events.out.tfevents.1"
    reader: Reader | None = None
    for values in ((1.0, 2.0, 3.0), (9.0,)):
        with SummaryWriter(str(tmp_path / "scratch")) as writer:
            for step, value in enumerate(values):
                writer.add_scalar("loss", value, step)
        (written,) = (tmp_path / "scratch").iterdir()
        path.unlink(missing_ok=True)
        written.rename(path)
        reader = reader or Reader(path)
        run = reader.poll()
        assert run is not None
        (series,) = run.scalars.values()
        assert series.value.tolist() == list(values)


def test_a_log_that_is_gone_says_so(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with SummaryWriter(str(path)) as writer:
        writer.add_scalar("loss", 1.0, 0)
    reader = Reader(path)
    assert reader.poll() is not None
    for file in path.iterdir():
        file.unlink()
    path.rmdir()
    with pytest.raises(LogNotFoundError, match="run"):
        reader.poll()


def test_a_poll_that_finds_nothing_costs_next_to_nothing(logdir: Path) -> None:
    """30 µs measured; the bound is loose because machines are busy, and would still catch reading anything."""
    reader = Reader(logdir)
    reader.read()
    times = []
    for _ in range(50):
        start = time.perf_counter()
        assert reader.poll() is None
        times.append(time.perf_counter() - start)
    assert np.median(times) < 10 * POLL_S
