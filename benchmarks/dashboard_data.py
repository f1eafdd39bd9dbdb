"""The run that `dashboard.py` opens: a deep network that learns, as our own recorder would have written it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_STRING

from torchvitals.core.checksum import masked_crc32c
from torchvitals.core.manifest import Manifest, ModuleInfo, ParameterInfo

LAYERS = 200
START_S = 1.7e9
# A level that is healthy, of every measure of a layer's weight.
LEVELS = {"grad_norm": 0.1, "weight_norm": 8.0, "update_ratio": 1e-3, "gradient_carryover": 0.0, "second_moment_rms": 0.02}
PER_STEP = 2 + LAYERS * len(LEVELS)
NAME = "events.out.tfevents.1700000000.machine.1.0"


def write(folder: Path, *, points: int) -> Path:
    """A log of about `points` numbers; returns its file."""
    folder.mkdir(parents=True)
    file = folder / NAME
    with file.open("wb") as stream:
        stream.write(_framed(Event(wall_time=START_S, file_version="brain.Event:2")))
        stream.write(_framed(Event(wall_time=START_S, summary=Summary(value=[_manifest()]))))
        for record in records(0, points // PER_STEP):
            stream.write(record)
    return file


def records(first: int, last: int) -> Iterator[bytes]:
    """The steps [first, last), each as one record with a number for every layer and measure."""
    rng = np.random.default_rng(first)
    tags = [f"{measure}/{name}" for name in _layers() for measure in LEVELS]
    levels = np.array(list(LEVELS.values()) * LAYERS)
    for step in range(first, last):
        loss = (0.2 + 2.1 * np.exp(-step / 200)) * np.exp(0.05 * rng.standard_normal())
        values = [loss, 0.6, *(levels * np.exp(0.1 * rng.standard_normal(len(tags))))]
        names = ["loss/train", "global_grad_norm/model", *tags]
        summary = [Summary.Value(tag=t, simple_value=float(v)) for t, v in zip(names, values, strict=True)]
        yield _framed(Event(wall_time=START_S + step, step=step, summary=Summary(value=summary)))


def _layers() -> list[str]:
    return [f"encoder.layers.{i // 4}.{('query', 'key', 'value', 'out')[i % 4]}.weight" for i in range(LAYERS)]


def _manifest() -> Summary.Value:
    modules = tuple(ModuleInfo(name=n.removesuffix(".weight"), kind="Linear", parameters=4096) for n in _layers())
    parameters = tuple(ParameterInfo(name=n, module=n.removesuffix(".weight"), shape=(64, 64)) for n in _layers())
    text = Manifest(model="Deep", optimizers=("Adam",), loss="CrossEntropyLoss", modules=modules, parameters=parameters)
    tensor = TensorProto(dtype=DT_STRING, tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)]))
    tensor.string_val.append(text.to_json().encode())
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
    return Summary.Value(tag="torchvitals/manifest", tensor=tensor, metadata=metadata)


def _framed(event: Event) -> bytes:
    data = event.SerializeToString()
    length = struct.pack("<Q", len(data))
    return b"".join((length, _checksum(length), data, _checksum(data)))


def _checksum(data: bytes) -> bytes:
    return struct.pack("<I", masked_crc32c(data))
