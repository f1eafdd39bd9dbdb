"""Random event files, and what protobuf's own parser makes of them."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_DOUBLE, DT_FLOAT

from torchvitals.core.checksum import masked_crc32c

Point = tuple[int, float]


def framed(payload: bytes) -> bytes:
    """One record of an event file."""
    length = struct.pack("<Q", len(payload))
    return length + struct.pack("<I", masked_crc32c(length)) + payload + struct.pack("<I", masked_crc32c(payload))


def event_file(events: Sequence[Any]) -> bytes:
    """A whole file, its version record first."""
    first = Event(wall_time=1.0, file_version="brain.Event:2")
    return b"".join(framed(e.SerializeToString()) for e in (first, *events))


def twin(events: Sequence[Any]) -> dict[str, list[Point]]:
    """The scalars of some Events, taken out one by one."""
    found: dict[str, list[Point]] = defaultdict(list)
    for event in events:
        for value in event.summary.value:
            kind = value.WhichOneof("value")
            if kind == "simple_value":
                found[value.tag].append((event.step, value.simple_value))
            elif kind == "tensor" and not value.tensor.tensor_shape.dim:
                content = value.tensor.tensor_content
                number = struct.unpack("<d", content)[0] if len(content) == 8 else value.tensor.float_val[0]
                found[value.tag].append((event.step, number))
    return found


def _scalar(tag: str, number: float) -> Any:
    return Summary.Value(tag=tag, simple_value=number)


def _new_scalar(tag: str, number: float) -> Any:
    return Summary.Value(tag=tag, tensor=TensorProto(dtype=DT_FLOAT, float_val=[number], tensor_shape=TensorShapeProto()))


def _double(tag: str, number: float) -> Any:
    content = struct.pack("<d", number)
    return Summary.Value(tag=tag, tensor=TensorProto(dtype=DT_DOUBLE, tensor_content=content, tensor_shape=TensorShapeProto()))


def _vector(tag: str, number: float) -> Any:
    values = np.array([number, 1.0], dtype="<f4").tobytes()
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=2)])
    return Summary.Value(tag=f"v{tag}", tensor=TensorProto(dtype=DT_FLOAT, tensor_content=values, tensor_shape=shape))


def _histogram(tag: str, number: float) -> Any:
    message = HistogramProto(min=0, max=1, num=1, sum=number, bucket_limit=[0.5, 1.0], bucket=[0.0, 1.0])
    return Summary.Value(tag=f"h{tag}", histo=message)


def _with_metadata(tag: str, number: float) -> Any:
    plugin = SummaryMetadata.PluginData(plugin_name="scalars", content=b"x")
    return Summary.Value(tag=tag, simple_value=number, metadata=SummaryMetadata(plugin_data=plugin))


NUMBERS = st.floats(width=32)
# Few tags and of few lengths, so that shapes repeat; one outside ASCII, one with a long name.
TAGS = st.sampled_from(["a", "b", "c", "loss/train", "loss/valid", "maß/größe", "layer." * 40])
KINDS = st.sampled_from([_scalar, _scalar, _scalar, _new_scalar, _double, _vector, _histogram, _with_metadata])
VALUES = st.builds(lambda make, tag, number: make(tag, number), KINDS, TAGS, NUMBERS)
STEPS = st.one_of(st.integers(0, 300), st.integers(-3, 2**62))


@st.composite
def logs(draw: st.DrawFn, *, steps: st.SearchStrategy[int] = STEPS) -> list[Any]:
    """Events that repeat a few shapes with other numbers, as a loop writes them."""
    shapes = draw(st.lists(st.lists(st.tuples(KINDS, TAGS), min_size=1, max_size=4), min_size=1, max_size=4))
    events = []
    for index in draw(st.lists(st.integers(0, len(shapes) - 1), max_size=30)):
        values = [make(tag, draw(NUMBERS)) for make, tag in shapes[index]]
        events.append(Event(wall_time=draw(st.floats(0, 2e9)), step=draw(steps), summary=Summary(value=values)))
    return events
