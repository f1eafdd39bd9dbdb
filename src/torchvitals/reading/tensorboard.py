"""Event files to columns: every point of every tag."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from google.protobuf.message import DecodeError
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.types_pb2 import DT_DOUBLE, DT_FLOAT, DT_INT64, DT_STRING

from torchvitals.core.histogram import Histogram
from torchvitals.reading.frames import Damage, records

T = TypeVar("T")
_DTYPES = {DT_FLOAT: "<f4", DT_DOUBLE: "<f8", DT_INT64: "<i8"}


@dataclass(slots=True)
class Columns:
    """What the files of one run hold, tag by tag, in the order in which it was written."""

    scalars: dict[str, tuple[array[int], array[float]]] = field(
        default_factory=lambda: defaultdict(lambda: (array("q"), array("d")))
    )
    vectors: dict[str, list[tuple[int, np.ndarray[Any, Any]]]] = field(default_factory=lambda: defaultdict(list))
    histograms: dict[str, list[tuple[int, Histogram]]] = field(default_factory=lambda: defaultdict(list))
    texts: dict[str, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))
    problems: list[str] = field(default_factory=list)
    events: int = 0

    def restart(self, step: int) -> None:
        """A later file begins at `step`: what was written from there on before belongs to an abandoned attempt."""
        for tag, (steps, values) in list(self.scalars.items()):
            keep = [i for i, s in enumerate(steps) if s < step]
            if len(keep) < len(steps):
                self.scalars[tag] = (array("q", (steps[i] for i in keep)), array("d", (values[i] for i in keep)))
        _keep_before(step, self.vectors)
        _keep_before(step, self.histograms)
        _keep_before(step, self.texts)


def read_columns(paths: Iterable[Path]) -> Columns:
    """Read all event files of one run, oldest first."""
    columns = Columns()
    last_step = -1
    for path in paths:
        highest = _read_file(path, columns, last_step)
        last_step = max(last_step, highest)
    return columns


def _keep_before(step: int, points: dict[str, list[tuple[int, T]]]) -> None:
    for tag, pairs in points.items():
        points[tag] = [p for p in pairs if p[0] < step]


def _read_file(path: Path, columns: Columns, last_step: int) -> int:
    highest, first = -1, True
    for event in _events(path, columns.problems):
        columns.events += 1
        if not event.HasField("summary"):
            continue
        if first and event.step <= last_step:
            columns.problems.append(
                f"{path.name}: training was restarted at step {event.step}; later steps of the older file are left out"
            )
            columns.restart(event.step)
        first, highest = False, max(highest, event.step)
        for value in event.summary.value:
            _take(value, event.step, columns)
    return highest


def _events(path: Path, problems: list[str]) -> Iterator[Any]:
    for record in records(path.read_bytes()):
        if isinstance(record, Damage):
            problems.append(f"{path.name}, byte {record.offset}: {record.what}")
            continue
        try:
            yield Event.FromString(record)
        except DecodeError:
            problems.append(f"{path.name}: a record is not an Event and was left out")


def _take(value: Any, step: int, columns: Columns) -> None:
    kind = value.WhichOneof("value")
    if kind == "simple_value":
        steps, values = columns.scalars[value.tag]
        steps.append(step)
        values.append(value.simple_value)
    elif kind == "histo":
        columns.histograms[value.tag].append((step, _classic(value.histo)))
    elif kind == "tensor":
        _take_tensor(value, step, columns)


def _take_tensor(value: Any, step: int, columns: Columns) -> None:
    tensor = value.tensor
    if tensor.dtype == DT_STRING:
        columns.texts[value.tag].append((step, b"\n".join(tensor.string_val).decode(errors="replace")))
        return
    numbers = _numbers(tensor)
    if numbers is None:
        return
    if numbers.ndim == 0:
        steps, values = columns.scalars[value.tag]
        steps.append(step)
        values.append(float(numbers))
    elif numbers.ndim == 2 and numbers.shape[1] == 3:
        left, right, count = (np.array(c, dtype=np.float64) for c in numbers.T)
        columns.histograms[value.tag].append((step, Histogram(left=left, right=right, count=count)))
    elif numbers.ndim == 1:
        columns.vectors[value.tag].append((step, numbers))


def _numbers(tensor: Any) -> np.ndarray[Any, Any] | None:
    """A numeric tensor as an array; None for types that hold no measurements."""
    if tensor.dtype not in _DTYPES:
        return None
    shape = tuple(d.size for d in tensor.tensor_shape.dim)
    if tensor.tensor_content:
        flat = np.frombuffer(tensor.tensor_content, dtype=_DTYPES[tensor.dtype])
    else:
        flat = np.array(tensor.float_val or tensor.double_val or tensor.int64_val)
    return flat.astype(np.float64).reshape(shape) if flat.size == int(np.prod(shape)) else None


def _classic(histogram: Any) -> Histogram:
    """The older histogram message: right edges only, the first bin reaching down to the minimum."""
    right = np.array(histogram.bucket_limit, dtype=np.float64)
    left = np.concatenate(([min(histogram.min, right[0])], right[:-1])) if right.size else right.copy()
    return Histogram(left=left, right=right, count=np.array(histogram.bucket, dtype=np.float64))
