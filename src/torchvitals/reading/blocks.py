"""Many Events at once: records of one shape become columns by a few array operations.

No library reads event files whole and fast: TensorBoard's own reader spends 20 times the physical limit on a million
scalars, because it makes Python objects of every value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchvitals.reading.layout import Layout, layout, renamed
from torchvitals.reading.wire import WireError

Bytes = NDArray[np.uint8]
Rows = NDArray[np.int64]
FEW = 4  # records of one shape below which arrays cost more than they save
MANY = 8  # values in an Event from which its shape is worth remembering
SHAPES = 16  # different shapes of one length, after which the rest is read one by one


class Batch(NamedTuple):
    """Records of one shape with the same tags: N of them."""

    layout: Layout
    start: Rows  # (N,) first byte of each in the block
    step: Rows  # (N,)
    wall_time: NDArray[np.float64]  # (N,)


class Shapes:
    """Shapes of Events with many values, remembered from block to block, because reading one takes a millisecond."""

    def __init__(self) -> None:
        self._known: dict[int, list[tuple[Layout, Bytes]]] = {}  # by length, with the bytes that stay the same

    def of(self, record: Bytes) -> Layout:
        """The shape of a record.

        Raises:
            WireError: the bytes are not an Event.
        """
        known = self._known.get(record.size, [])
        for shape, same in known:
            if (record[shape.fixed] == same).all() and _ends_alike(record, shape):
                return shape
        shape = layout(record.tobytes())
        if len(shape.items) >= MANY and len(known) < SHAPES:
            self._known.setdefault(record.size, []).append((shape, record[shape.fixed]))
        return shape


def _ends_alike(record: Bytes, shape: Layout) -> bool:
    """Whether the step takes the bytes that it takes in that shape."""
    more = record[slice(*shape.step)] >= 0x80 if shape.step else np.zeros(1, dtype=bool)
    return bool(more[:-1].all() and not more[-1])


def batches(block: Bytes, start: Rows, length: Rows, shapes: Shapes, complain: Callable[[int], None]) -> Iterator[Batch]:
    """Sort the records [start, start + length) of a block into batches; `complain` about those that are no Events."""
    order = np.argsort(length, kind="stable")
    edges = np.flatnonzero(np.diff(length[order])) + 1
    for group in np.split(order, edges):
        if group.size:
            yield from _same_length(block, start, group, int(length[group[0]]), shapes, complain)


def _same_length(
    block: Bytes, start: Rows, rows: Rows, length: int, shapes: Shapes, complain: Callable[[int], None]
) -> Iterator[Batch]:
    seen = 0
    while rows.size:
        first = int(start[rows[0]])
        try:
            shape = shapes.of(block[first : first + length])
        except WireError:
            complain(first)
            rows = rows[1:]
            continue
        seen += 1
        if rows.size < FEW or seen > SHAPES:
            yield _batch(block, shape, rows[:1], start)
            rows = rows[1:]
            continue
        alike = _alike(block, start, rows, first, shape.structure) & _same_step_width(block, start, rows, shape)
        yield from _by_names(block, shape, rows[alike], start, length)
        rows = rows[~alike]


def _alike(block: Bytes, start: Rows, rows: Rows, first: int, positions: NDArray[np.intp]) -> NDArray[np.bool_]:
    return np.asarray((block[start[rows][:, None] + positions] == block[first + positions]).all(axis=1))


def _same_step_width(block: Bytes, start: Rows, rows: Rows, shape: Layout) -> NDArray[np.bool_]:
    """Whether the step takes as many bytes: all but its last byte say that more follows."""
    if shape.step is None:
        return np.ones(rows.size, dtype=bool)
    more = block[start[rows][:, None] + np.arange(*shape.step)] >= 0x80
    return np.asarray(more[:, :-1].all(axis=1) & ~more[:, -1])


def _by_names(block: Bytes, shape: Layout, rows: Rows, start: Rows, length: int) -> Iterator[Batch]:
    """Records of one shape may still carry different tags of the same length."""
    whole = _batch(block, shape, rows, start)
    names = block[whole.start[:, None] + shape.names]
    if (names == names[0]).all():
        yield whole
        return
    key = _hashes(names)
    order = np.argsort(key, kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(key[order])) + 1):
        # Two names with one hash are possible, if not likely: what does not equal the first is taken by itself.
        same = (names[group] == names[group[0]]).all(axis=1)
        for part in (group[same], *([g] for g in group[~same])):
            at = whole.start[part]
            own = renamed(shape, block[at[0] : at[0] + length].tobytes())
            yield Batch(own, at, whole.step[part], whole.wall_time[part])


def _hashes(names: Bytes) -> NDArray[np.uint64]:
    """One number for each row of bytes."""
    width = -(-names.shape[1] // 8) * 8
    words = np.zeros((names.shape[0], width), dtype=np.uint8)
    words[:, : names.shape[1]] = names
    key = np.zeros(names.shape[0], dtype=np.uint64)
    for word in words.view("<u8").T:
        key = (key ^ word) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(29)
    return key


def _batch(block: Bytes, shape: Layout, rows: Rows, start: Rows) -> Batch:
    at = start[rows]
    wall = np.zeros(rows.size) if shape.wall_time is None else _numbers(block, at, shape.wall_time, "<f8")
    return Batch(shape, at, _steps(block, at, shape.step), wall)


def _steps(block: Bytes, at: Rows, span: tuple[int, int] | None) -> Rows:
    total = np.zeros(at.size, dtype=np.uint64)
    for shift, position in enumerate(range(*span) if span else ()):
        total |= (block[at + position] & np.uint8(0x7F)).astype(np.uint64) << np.uint64(7 * shift)
    return total.view(np.int64)


def _numbers(block: Bytes, at: Rows, position: int, dtype: str) -> NDArray[np.float64]:
    width = np.dtype(dtype).itemsize
    raw = block[at[:, None] + np.arange(position, position + width)]
    return np.asarray(raw.view(dtype)[:, 0], dtype=np.float64)


def floats(block: Bytes, batch: Batch, positions: NDArray[np.intp], dtype: str) -> NDArray[np.float64]:
    """The numbers that start at each of M positions: (N, M)."""
    width = np.dtype(dtype).itemsize
    raw = block[batch.start[:, None, None] + positions[:, None] + np.arange(width)]
    return np.asarray(raw.reshape(len(batch.start), -1).view(dtype), dtype=np.float64)
