"""Event files to columns: every point of every tag."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.types_pb2 import DT_DOUBLE, DT_FLOAT, DT_INT64, DT_STRING

from torchvitals.core.histogram import Histogram
from torchvitals.reading.columns import Columns
from torchvitals.reading.frames import Damage, records

_DTYPES = {DT_FLOAT: "<f4", DT_DOUBLE: "<f8", DT_INT64: "<i8"}


def read_columns(paths: Iterable[Path], *, ours: str) -> tuple[Columns, tuple[str, ...]]:
    """Read all event files of one run, oldest first; with it what was lost or left out, in words.

    A file that holds the text `ours` was written by our recorder. When a later one of those begins, the training was started
    again, and nothing of the abandoned attempt may stay. Files of other tools may share the folder: of them, and of ours
    against them, a later point only replaces those of its own tag.
    """
    problems: list[str] = []
    recorded, others = Columns(), Columns()
    for path in paths:
        part = _read_file(path, problems)
        own = ours in part.texts
        whole = recorded if own else others
        whole.restarted_at = part.restarted_at
        if own and part.first_step is not None:
            recorded.cut(part.first_step)
        whole.extend(part)
        problems += _left_out(path, whole.restarted_at, 0 if own else part.same_step)
    others.extend(recorded)
    return others, tuple(problems)


def _left_out(path: Path, restarted_at: int | None, same_step: int) -> Iterator[str]:
    if restarted_at is not None:
        yield f"{path.name}: training was restarted at step {restarted_at}; what was recorded before from there on is left out"
    if same_step:
        yield f"{path.name}: {same_step} points share their step with a later one and are left out; log them with their step"


def _read_file(path: Path, problems: list[str]) -> Columns:
    columns = Columns()
    for event in _events(path, problems):
        columns.events += 1
        if not event.HasField("summary"):
            continue
        if columns.first_step is None:
            columns.first_step = event.step
        for value in event.summary.value:
            _take(value, event.step, columns)
    return columns


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
        columns.add_scalar(value.tag, step, value.simple_value)
    elif kind == "histo":
        columns.add(columns.histograms, value.tag, step, _classic(value.histo))
    elif kind == "tensor":
        _take_tensor(value, step, columns)


def _take_tensor(value: Any, step: int, columns: Columns) -> None:
    tensor = value.tensor
    if tensor.dtype == DT_STRING:
        text = b"\n".join(tensor.string_val).decode(errors="replace")
        columns.add(columns.texts, value.tag, step, text)
        return
    numbers = _numbers(tensor)
    if numbers is None:
        return
    if numbers.ndim == 0:
        columns.add_scalar(value.tag, step, float(numbers))
    elif numbers.ndim == 2 and numbers.shape[1] == 3:
        left, right, count = (np.array(c, dtype=np.float64) for c in numbers.T)
        columns.add(columns.histograms, value.tag, step, Histogram(left=left, right=right, count=count))
    elif numbers.ndim == 1:
        columns.add(columns.vectors, value.tag, step, numbers)


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
