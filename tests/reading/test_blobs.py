"""Images, histograms, tensors, texts and hyperparameters: found at once, decoded when they are looked at."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from reading.events import event_file
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_FLOAT, DT_STRING
from torch.utils.tensorboard import SummaryWriter

import torchvitals
from torchvitals.core.tag import Tag
from torchvitals.reading import blobs
from torchvitals.reading.source import LocalFile


def tensor(tag: str, array: np.ndarray, plugin: str = "") -> Any:
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=n) for n in array.shape])
    message = TensorProto(dtype=DT_FLOAT, tensor_shape=shape, tensor_content=array.astype("<f4").tobytes())
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=plugin)) if plugin else None
    return Summary.Value(tag=tag, tensor=message, metadata=metadata)


def write(folder: Path, *steps: list[Any], name: str = "events.out.tfevents.1") -> None:
    events = [Event(wall_time=1.0, step=i, summary=Summary(value=values)) for i, values in enumerate(steps)]
    (folder / name).write_bytes(event_file(events))


def test_images_come_back_as_they_were_drawn(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 5, 7), dtype=np.uint8)
    with SummaryWriter(str(tmp_path)) as writer:
        for step in range(3):
            writer.add_image("digits", pixels + step, step)
    images = torchvitals.read(tmp_path).images[Tag(measure="digits")]
    assert images.step.tolist() == [0, 1, 2]
    for step, encoded in enumerate(images.value):
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(encoded))), (pixels + step).transpose(1, 2, 0))


def test_images_of_the_newer_form(tmp_path: Path) -> None:
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=3)])
    message = TensorProto(dtype=DT_STRING, tensor_shape=shape, string_val=[b"7", b"5", b"png bytes"])
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="images"))
    write(tmp_path, [Summary.Value(tag="digits", tensor=message, metadata=metadata)])
    assert list(torchvitals.read(tmp_path).images[Tag(measure="digits")].value) == [b"png bytes"]


def test_a_tensor_is_what_its_shape_and_plugin_say(tmp_path: Path) -> None:
    rows = np.array([[0, 1, 5], [1, 2, 7]])
    write(
        tmp_path,
        [
            tensor("histogram", rows, "histograms"),
            tensor("three_columns", rows, "something"),
            tensor("vector", np.arange(4)),
            tensor("maps", np.ones((2, 3, 4))),
            tensor("number", np.array(2.5)),
        ],
    )
    run = torchvitals.read(tmp_path)
    assert [str(t) for t in run.histograms] == ["histogram"]
    assert run.histograms[Tag(measure="histogram")].value[0].total == 12
    assert {str(t): s.value[0].shape for t, s in run.tensors.items()} == {"three_columns": (2, 3), "maps": (2, 3, 4)}
    assert run.vectors[Tag(measure="vector")].value[0].tolist() == [0, 1, 2, 3]
    assert run.scalars[Tag(measure="number")].value.tolist() == [2.5]


def test_blobs_are_not_decoded_before_they_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, *[[tensor("v", np.full(100, i))] for i in range(10)])
    run = torchvitals.read(tmp_path)
    reads: list[int] = []
    read = LocalFile.read

    def counted(self: LocalFile, start: int, length: int) -> bytes:
        reads.append(length)
        return read(self, start, length)

    monkeypatch.setattr(LocalFile, "read", counted)
    series = run.vectors[Tag(measure="v")]
    assert len(series) == len(series.value) == 10
    part = series.value[3:6]
    assert not reads
    assert [v[0] for v in part] == [3, 4, 5]
    assert series.value[-1][0] == 9
    assert len(reads) == 4
    with pytest.raises(ValueError, match="read-only"):
        series.value[0][0] = 1.0


def test_a_tensor_that_does_not_fill_its_shape_is_refused_when_looked_at() -> None:
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=3)])
    raw = TensorProto(dtype=DT_FLOAT, tensor_shape=shape, tensor_content=b"\0" * 8).SerializeToString()
    with pytest.raises(ValueError, match="shape"):
        blobs.tensor(raw)


def test_hyperparameters_are_read(tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("loss", 1.0, 0)
        writer.add_hparams({"lr": 0.1, "depth": 3, "norm": True, "name": "a"}, {"best": 1.0}, run_name=".")
    assert dict(torchvitals.read(tmp_path).hparams) == {"lr": 0.1, "depth": 3.0, "norm": True, "name": "a"}


def test_a_purge_keeps_the_abandoned_points_apart(tmp_path: Path) -> None:
    """`SummaryWriter(purge_step=3)` tells readers to forget; nothing is forgotten here."""
    with SummaryWriter(str(tmp_path), filename_suffix=".1") as writer:
        for step in range(5):
            writer.add_scalar("loss", step, step)
    start = Event(wall_time=2.0, step=3, session_log=SessionLog(status=SessionLog.START))
    again = Event(wall_time=2.0, step=9, summary=Summary(value=[Summary.Value(tag="other", simple_value=1.0)]))
    (tmp_path / "events.out.tfevents.9999999999.2").write_bytes(event_file([start, again]))
    run = torchvitals.read(tmp_path)
    loss = Tag(measure="loss")
    assert run.scalars[loss].step.tolist() == [0, 1, 2]
    assert run.superseded[loss].step.tolist() == [3, 4]
    assert run.superseded[loss].value.tolist() == [3.0, 4.0]
    assert "restarted at step 3" in run.problems[0]
