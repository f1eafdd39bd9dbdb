"""What is written is an ordinary event file: TensorBoard's own reader and ours find the same."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from torch import nn
from training import digits, mlp

import torchvitals
from torchvitals.core.histogram import Histogram
from torchvitals.core.manifest import Manifest, ModuleInfo
from torchvitals.core.step_record import StepRecord
from torchvitals.core.tag import Tag
from torchvitals.reading.frames import records
from torchvitals.store.tensorboard import TensorBoardSink

EVERYTHING = {"scalars": 0, "histograms": 0, "tensors": 0}


def recorded(logdir: Path, *, steps: int = 25, every: int = 3) -> torchvitals.Run:
    torch.manual_seed(0)
    model, loss_fn = mlp(depth=2, activation=nn.ReLU, width=16), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    with torchvitals.watch(model, optimizer, logdir=logdir, loss_fn=loss_fn, every=every):
        for x, y in digits(steps):
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    return torchvitals.read(logdir)


def the_file(folder: Path) -> Path:
    (file,) = folder.glob("*tfevents*")
    return file


def events(folder: Path) -> list[Event]:
    found = list(records(the_file(folder).read_bytes()))
    assert all(isinstance(r, bytes) for r in found), "no damage"
    return [Event.FromString(r) for r in found if isinstance(r, bytes)]


def test_one_event_a_recorded_step_with_all_its_values(tmp_path: Path) -> None:
    run = recorded(tmp_path)
    with_loss = [e for e in events(tmp_path) if any(v.tag == "loss/train" for v in e.summary.value)]
    assert [e.step for e in with_loss] == run.steps.tolist() == list(range(0, 25, 3))
    for event in with_loss:
        tags = [v.tag for v in event.summary.value]
        assert len(tags) == len(set(tags))
        assert {"grad_norm/0.weight", "update_ratio/0.weight", "activation_std/1", "firing_rate/1"} <= set(tags)
    assert all(len(s) == len(with_loss) for t, s in run.scalars.items() if t.measure == "grad_norm")


def test_steps_and_times_never_go_back(tmp_path: Path) -> None:
    recorded(tmp_path)
    found = events(tmp_path)[1:]
    assert [e.step for e in found] == sorted(e.step for e in found)
    times = [e.wall_time for e in found if len(e.summary.value) > 1]
    assert times == sorted(times)


def test_tensorboards_own_reader_finds_the_same(tmp_path: Path) -> None:
    run = recorded(tmp_path)
    accumulator = EventAccumulator(str(tmp_path), size_guidance=EVERYTHING)
    accumulator.Reload()
    tags = accumulator.Tags()
    assert set(tags["scalars"]) == {str(t) for t in run.scalars}
    for tag, series in run.scalars.items():
        points = accumulator.Scalars(str(tag))
        assert [p.step for p in points] == series.step.tolist()
        assert np.array_equal([p.value for p in points], series.value, equal_nan=True)
    assert {str(t) for group in (run.vectors, run.histograms) for t in group} <= set(tags["tensors"])


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    sink = TensorBoardSink(tmp_path / "made" / "on the way")
    manifest = Manifest(model="Netz", modules=(ModuleInfo(name="Größe", kind="Linear"),))
    sink.write_manifest(manifest, 5)
    tag = Tag(measure="m", subject="a/b")
    histogram = Histogram.of([-1.0, 0.5, 2.0], [3, 4])
    for step, value in ((5, 1.5), (6, float("nan")), (7, float("-inf"))):
        vector = np.array([value, 1.0], dtype=np.float32)
        sink.write(
            StepRecord(
                step=step, wall_time=1.0, scalars=((tag, value),), vectors=((tag, vector),), histograms=((tag, histogram),)
            )
        )
    sink.close()
    run = torchvitals.read(tmp_path / "made" / "on the way")
    assert run.manifest == manifest
    assert run.scalars[tag].step.tolist() == [5, 6, 7]
    assert np.array_equal(run.scalars[tag].value, [1.5, np.nan, -np.inf], equal_nan=True)
    assert np.array_equal(run.vectors[tag].matrix(), [[1.5, 1], [np.nan, 1], [-np.inf, 1]], equal_nan=True)
    assert [h.count.tolist() for h in run.histograms[tag].value] == [[3, 4]] * 3
    assert run.histograms[tag].value[0].left.tolist() == [-1.0, 0.5]


def test_flush_brings_everything_to_the_file(tmp_path: Path) -> None:
    sink = TensorBoardSink(tmp_path)
    sink.write(StepRecord(step=0, wall_time=1.0, scalars=((Tag(measure="loss"), 1.0),)))
    sink.flush()
    assert torchvitals.read(tmp_path).steps.tolist() == [0]
    sink.close()


def test_the_native_checksum_is_in_use(tmp_path: Path) -> None:
    from torchvitals.store.record_writer import NativeRecordWriter

    sink = TensorBoardSink(tmp_path)
    assert isinstance(sink._writer.event_writer._async_writer._writer, NativeRecordWriter)
    assert isinstance(sink._writer.event_writer._async_writer._worker._record_writer, NativeRecordWriter)
    sink.close()


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    recorded(tmp_path, steps=4, every=1)
    file = the_file(tmp_path)
    data = bytearray(file.read_bytes())
    (length,) = struct.unpack("<Q", data[:8])
    data[12 + length + 4 + 12 + 20] ^= 1
    file.write_bytes(data)
    assert len(torchvitals.read(tmp_path).problems) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only where processes fork")
def test_a_forked_child_neither_hangs_nor_writes_into_its_parents_log(tmp_path: Path) -> None:
    sink = TensorBoardSink(tmp_path)
    record = StepRecord(step=0, wall_time=1.0, scalars=((Tag(measure="loss"), 1.0),))
    sink.write(record)
    child = os.fork()
    if child == 0:
        for _ in range(1000):  # more than the writer's queue holds
            sink.write(record)
        sink.flush()
        sink.close()
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    sink.write(StepRecord(step=1, wall_time=2.0, scalars=((Tag(measure="loss"), 2.0),)))
    sink.close()
    run = torchvitals.read(tmp_path)
    assert run.steps.tolist() == [0, 1]
    assert run.problems == ()
