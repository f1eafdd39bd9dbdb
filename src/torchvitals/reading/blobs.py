"""Values that are more than a number: found at once, decoded when they are looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar, overload

import numpy as np
from numpy.typing import NDArray
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_DOUBLE, DT_FLOAT, DT_HALF, DT_INT32, DT_INT64

from torchvitals.core.histogram import Histogram
from torchvitals.reading.points import Points
from torchvitals.reading.source import Source
from torchvitals.reading.wire import WireError, fields

T = TypeVar("T")
Array = NDArray[np.float64]
DTYPES = {DT_FLOAT: "<f4", DT_DOUBLE: "<f8", DT_HALF: "<f2", DT_INT32: "<i4", DT_INT64: "<i8"}


class LazyBlobs(Sequence[T], Generic[T]):
    """The blobs of one tag: a sequence that reads and decodes an element each time it is asked for it."""

    def __init__(self, points: Points, sources: Sequence[Source], decode: Callable[[bytes], T]) -> None:
        self._points = points
        self._sources = sources
        self._decode = decode

    def __len__(self) -> int:
        return len(self._points.step)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> LazyBlobs[T]: ...
    def __getitem__(self, index: int | slice) -> T | LazyBlobs[T]:
        if isinstance(index, slice):
            return LazyBlobs(self._points.take(index), self._sources, self._decode)
        return self._decode(self.raw(index))

    def __iter__(self) -> Iterator[T]:
        return (self[i] for i in range(len(self)))

    def raw(self, index: int) -> bytes:
        """The bytes of one element, as they lie in the log."""
        first, length = self._points.data[index]
        return self._sources[int(self._points.file[index])].read(int(first), int(length))


def tensor(raw: bytes) -> Array:
    """A numeric tensor of any shape.

    Raises:
        ValueError: its bytes do not fill its shape, or it holds no numbers.
    """
    message = TensorProto.FromString(raw)
    if message.dtype not in DTYPES:
        raise ValueError(f"a tensor of type {message.dtype} holds no numbers")
    if message.tensor_content:
        flat = np.frombuffer(message.tensor_content, dtype=DTYPES[message.dtype])
    else:
        flat = np.array(message.float_val or message.double_val or message.int_val or message.int64_val)
    shape = tuple(d.size for d in message.tensor_shape.dim)
    return _frozen(flat.astype(np.float64).reshape(shape))


def strings(raw: bytes) -> list[bytes]:
    """The strings of a tensor of strings."""
    return list(TensorProto.FromString(raw).string_val)


def text(raw: bytes) -> str:
    """A text, its lines joined."""
    return b"\n".join(strings(raw)).decode(errors="replace")


def image(raw: bytes) -> bytes:
    """An image as it was encoded, mostly PNG."""
    return bytes(Summary.Image.FromString(raw).encoded_image_string)


def image_of_strings(raw: bytes) -> bytes:
    """The first image of the newer form: width, height, then the images."""
    return [*strings(raw), b"", b"", b""][2]


def histogram(raw: bytes) -> Histogram:
    """The newer form: rows of left, right, count."""
    left, right, count = tensor(raw).reshape(-1, 3).T.copy()
    return Histogram(left=left, right=right, count=count)


def old_histogram(raw: bytes) -> Histogram:
    """The older form: right edges only, the first bin reaching down to the minimum."""
    message = HistogramProto.FromString(raw)
    right = np.array(message.bucket_limit, dtype=np.float64)
    left = np.concatenate(([min(message.min, right[0])], right[:-1])) if right.size else right.copy()
    count = np.array(message.bucket, dtype=np.float64)
    return Histogram(left=left, right=right, count=count, sum_squares=message.sum_squares)


def sum_squares(raw: bytes) -> float:
    """Of the values that the older form of histogram counted."""
    return float(HistogramProto.FromString(raw).sum_squares)


def describe(head: bytes) -> tuple[int, tuple[int, ...]]:
    """Type and shape of a tensor, from how its bytes begin."""
    dtype: int = 0
    shape: tuple[int, ...] = ()
    with suppress(WireError):  # the content is cut off
        for field in fields(head):
            if field.number == 1:
                dtype = field.value
            elif field.number == 2:
                message = TensorShapeProto.FromString(head[field.start : field.end])
                shape = tuple(d.size for d in message.dim)
    return dtype, shape


def _frozen(array: NDArray[Any]) -> Array:
    array.setflags(write=False)
    return array
