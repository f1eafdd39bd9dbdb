"""What is written is an ordinary event file: TensorBoard's own reader and ours find the same."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from event_files import event_file, events_of
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from torch import nn
from training import digits, mlp

import torchvitals
from torchvitals.core.histogram import Histogram
from torchvitals.core.manifest import Manifest, ModuleInfo
from torchvitals.core.step_record import StepRecord
from torchvitals.core.tag import Tag
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


def events(folder: Path) -> list[Event]:
    return events_of(event_file(folder))


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
    tag, many, binned = (Tag(measure=m, subject="a/b") for m in ("m", "many", "binned"))
    histogram = Histogram.of([-1.0, 0.5, 2.0], [3, 4])
    for step, value in ((5, 1.5), (6, float("nan")), (7, float("-inf"))):
        vector = np.array([value, 1.0], dtype=np.float32)
        sink.write(
            StepRecord(
                step=step, wall_time=1.0, scalars=((tag, value),), vectors=((many, vector),), histograms=((binned, histogram),)
            )
        )
    sink.close()
    run = torchvitals.read(tmp_path / "made" / "on the way")
    assert run.manifest == manifest
    assert run.scalars[tag].step.tolist() == [5, 6, 7]
    assert np.array_equal(run.scalars[tag].value, [1.5, np.nan, -np.inf], equal_nan=True)
    assert np.array_equal(run.vectors[many].matrix(), [[1.5, 1], [np.nan, 1], [-np.inf, 1]], equal_nan=True)
    assert [h.count.tolist() for h in run.histograms[binned].value] == [[3, 4]] * 3
    assert run.histograms[binned].value[0].left.tolist() == [-1.0, 0.5]


def test_flush_brings_everything_to_the_file(tmp_path: Path) -> None:
    sink = TensorBoardSink(tmp_path)
    sink.write(StepRecord(step=0, wall_time=1.0, scalars=((Tag(measure="loss"), 1.0),)))
    sink.flush()
    assert torchvitals.read(tmp_path).steps.tolist() == [0]
    sink.close()


def test_the_native_checksum_is_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorBoard's own would take 50 ms for this record, and hold the interpreter lock."""
    from tensorboard.summary.writer import record_writer

    sink = TensorBoardSink(tmp_path)
    monkeypatch.setattr(record_writer, "masked_crc32c", lambda _: pytest.fail("the slow checksum"))
    vector = np.arange(1000, dtype=np.float32)
    sink.write(StepRecord(step=0, wall_time=1.0, vectors=((Tag(measure="many"), vector),)))
    sink.close()
    (event,) = events(tmp_path)[1:]
    assert event.summary.value[0].tensor.tensor_content == vector.tobytes()


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (1, 1)])
def test_an_image_is_read_back_pixel_by_pixel(tmp_path: Path, shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    sink = TensorBoardSink(tmp_path)
    tag = Tag(measure="feature_maps", subject="conv1")
    for step in (3, 9):
        sink.write_image(tag, pixels[::-1] if step == 9 else pixels, step)
    sink.close()
    found = torchvitals.read(tmp_path).images[tag]
    assert found.step.tolist() == [3, 9]
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(found.value[0]))), pixels)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(found.value[1]))), pixels[::-1])
    message = events(tmp_path)[1].summary.value[0].image
    assert (message.height, message.width, message.colorspace) == (*shape[:2], 3 if len(shape) == 3 else 1)


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((4, 4)), np.zeros((4, 4, 4), dtype=np.uint8), np.zeros(4, dtype=np.uint8), np.zeros((0, 4), dtype=np.uint8)],
    ids=lambda a: f"{a.shape} {a.dtype}",
)
def test_what_is_no_image_is_refused_with_its_shape(tmp_path: Path, wrong: np.ndarray[Any, Any]) -> None:
    sink = TensorBoardSink(tmp_path)
    with pytest.raises(ValueError, match=r"\(H, W, 3\) uint8, not \(.*scale it"):
        sink.write_image(Tag(measure="m"), wrong, 0)
    sink.close()
    assert len(events(tmp_path)) == 1, "the version only"


def test_a_step_that_goes_back_is_left_out_with_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sink = TensorBoardSink(tmp_path)
    loss, other = Tag(measure="loss"), Tag(measure="other")
    for step, tag in ((5, loss), (5, loss), (3, loss), (3, other), (6, loss), (2, loss), (2, other)):
        sink.write(StepRecord(step=step, wall_time=1.0, scalars=((tag, float(step)),)))
    sink.write_image(loss, np.zeros((2, 2), dtype=np.uint8), 4)
    sink.close()
    found = [(e.step, v.tag) for e in events(tmp_path)[1:] for v in e.summary.value]
    assert found == [(5, "loss"), (5, "loss"), (3, "other"), (6, "loss")]
    assert len(caplog.messages) == 1
    assert "loss at step 3: step 5" in caplog.messages[0]


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    recorded(tmp_path, steps=4, every=1)
    file = event_file(tmp_path)
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
