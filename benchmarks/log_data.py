"""The logs that `logs.py` reads: made here, seeded, in every form that TensorBoard writers write."""

from __future__ import annotations

import io
import struct
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import google_crc32c
import numpy as np
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_FLOAT, DT_STRING

from torchvitals.core.manifest import Manifest, ModuleInfo, ParameterInfo

LAYERS, TAGS, BINS = 33, 200, 64
# Measures our own recorder writes for every layer, so that the rules have something to judge.
PER_LAYER = ("grad_norm/fc{}.weight", "grad_norm/fc{}.bias", "weight_norm/fc{}.weight", "update_ratio/fc{}.weight")
PER_ACTIVATION = ("saturated_fraction/act{}", "gradient_carryover/fc{}.weight")
NAMES = ["loss/train", "global_grad_norm", *(t.format(i) for t in PER_LAYER + PER_ACTIVATION for i in range(LAYERS))]
LEVELS = {"grad_norm": 0.1, "global_grad_norm": 0.6, "weight_norm": 8.0, "update_ratio": 1e-3, "saturated_fraction": 0.02}
MASK, START_S = 0xA282EAD8, 1.7e9


def write(path: Path, events: Iterable[Event]) -> None:
    """An event file of these Events, behind the version that begins every one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(_record(Event(wall_time=START_S, file_version="brain.Event:2")))
        for event in events:
            file.write(_record(event))


def scalars(points: int, *, per_event: int) -> Iterator[Event]:
    """A run of a deep network that learns: `points` numbers over 200 tags."""
    yield Event(wall_time=START_S, summary=Summary(value=[_manifest()]))
    rng = np.random.default_rng(0)
    for step in range(points // TAGS):
        noise = np.exp(0.1 * rng.standard_normal(TAGS))
        levels = [LEVELS.get(name.partition("/")[0], 0.0) for name in NAMES]
        values = (noise * levels).tolist()
        values[0] = noise[0] * (0.2 + 2.1 * np.exp(-step / (points / TAGS / 5)))
        summaries = [Summary.Value(tag=tag, simple_value=value) for tag, value in zip(NAMES, values, strict=True)]
        for first in range(0, TAGS, per_event):
            chosen = summaries[first : first + per_event]
            yield Event(wall_time=START_S + step, step=step, summary=Summary(value=chosen))


def old_histograms(count: int, *, tags: int = 100) -> Iterator[Event]:
    """Histograms as `add_histogram` writes them, one an Event."""
    rng = np.random.default_rng(0)
    edges = np.linspace(-1, 1, BINS + 1)[1:]
    for number in range(count):
        buckets = rng.integers(0, 1000, BINS).astype(float)
        total = float(buckets.sum())
        histogram = HistogramProto(min=-1, max=1, num=total, sum=0.0, sum_squares=total, bucket_limit=edges, bucket=buckets)
        value = Summary.Value(tag=f"weights/layer{number % tags:02}", histo=histogram)
        yield Event(wall_time=START_S + number, step=number // tags, summary=Summary(value=[value]))


def new_histograms(count: int, *, tags: int = 100) -> Iterator[Event]:
    """Histograms as tensors of left, right, count; one Event holds one of every tag."""
    rng = np.random.default_rng(0)
    edges = np.linspace(-1, 1, BINS + 1)
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=BINS), TensorShapeProto.Dim(size=3)])
    for step in range(count // tags):
        values = []
        for tag in range(tags):
            rows = np.stack((edges[:-1], edges[1:], rng.integers(0, 1000, BINS)), axis=1).astype("<f4")
            tensor = TensorProto(dtype=DT_FLOAT, tensor_shape=shape, tensor_content=rows.tobytes())
            metadata = _metadata("histograms") if step == 0 else None
            values.append(Summary.Value(tag=f"weights/layer{tag:02}", tensor=tensor, metadata=metadata))
        yield Event(wall_time=START_S + step, step=step, summary=Summary(value=values))


def images(count: int, *, side: int = 480) -> Iterator[Event]:
    """Noise, which PNG cannot compress: about 0.7 MB each."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for step in range(count):
        stream = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(stream, "PNG", compress_level=1)
        image = Summary.Image(height=side, width=side, colorspace=3, encoded_image_string=stream.getvalue())
        yield Event(wall_time=START_S + step, step=step, summary=Summary(value=[Summary.Value(tag="samples", image=image)]))


def make(folder: Path, *, shrink: int) -> None:
    """Every data set below a folder, `1 / shrink` of its full size."""
    sets = {
        "scalars-single": scalars(1_000_000 // shrink, per_event=1),
        "scalars-batched": scalars(1_000_000 // shrink, per_event=TAGS),
        "histograms-old": old_histograms(50_000 // shrink),
        "histograms-new": new_histograms(50_000 // shrink),
        "images": images(max(50 // shrink, 2)),
    }
    for name, events in sets.items():
        write(folder / name / "events.out.tfevents.1700000000.machine.1.0", events)


def _manifest() -> Summary.Value:
    modules = [ModuleInfo(name=f"{n}{i}", kind=k) for i in range(LAYERS) for n, k in (("fc", "Linear"), ("act", "Tanh"))]
    modules = [ModuleInfo(name=m.name, kind=m.kind, activation="tanh" if m.kind == "Tanh" else None) for m in modules]
    parameters = [
        ParameterInfo(name=f"fc{i}.{kind}", module=f"fc{i}", shape=shape)
        for i in range(LAYERS)
        for kind, shape in (("weight", (64, 64)), ("bias", (64,)))
    ]
    text = Manifest(
        model="Deep", optimizers=("Adam",), loss="CrossEntropyLoss", modules=tuple(modules), parameters=tuple(parameters)
    )
    tensor = TensorProto(dtype=DT_STRING, tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)]))
    tensor.string_val.append(text.to_json().encode())
    return Summary.Value(tag="torchvitals/manifest", tensor=tensor, metadata=_metadata("text"))


def _metadata(plugin: str) -> SummaryMetadata:
    return SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=plugin))


def _record(event: Event) -> bytes:
    data = event.SerializeToString()
    length = struct.pack("<Q", len(data))
    return b"".join((length, _checksum(length), data, _checksum(data)))


def _checksum(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + MASK) & 0xFFFFFFFF)


if __name__ == "__main__":
    make(Path(sys.argv[1]), shrink=int(sys.argv[2]))
