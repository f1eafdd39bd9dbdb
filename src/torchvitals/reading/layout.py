"""Where the numbers lie in the bytes of one Event.

A training loop writes Events of the same shape again and again: same tags, same lengths, other numbers. Knowing where the
numbers lie in one of them is enough to take them out of all, without parsing each.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchvitals.reading.wire import WireError, fields

Positions = NDArray[np.intp]

FLOAT, DOUBLE, BLOB = "float", "double", "blob"
KINDS = {3: "obsolete", 4: "image", 5: "histogram", 6: "audio", 8: "tensor"}
TINY = 64  # bytes a tensor of one number takes at most
DT_FLOAT, DT_DOUBLE = 1, 2


class Item(NamedTuple):
    """One value of an Event: what it is called, what it is, and the bytes [start, end) it lies in."""

    tag: str
    kind: str  # float, double, or the kind of a blob; metadata for a value that consists of nothing else
    start: int
    end: int
    metadata: tuple[int, int] | None  # bytes of the SummaryMetadata, where the Event carries it
    name: tuple[int, int]  # bytes of the tag


class Layout(NamedTuple):
    """The shape of an Event, as positions relative to its first byte."""

    items: tuple[Item, ...]
    wall_time: int | None  # start of 8 bytes
    step: tuple[int, int] | None  # bytes of the varint; None: step 0, which protobuf leaves out
    restart: bool  # a SessionLog says that training starts (again) at this step
    structure: Positions  # bytes that every Event of this shape shares
    names: Positions  # bytes of the tags
    fixed: Positions  # both: everything but the numbers


def layout(record: bytes) -> Layout:
    """Read the shape of one Event.

    Raises:
        WireError: the bytes are not an Event.
    """
    fixed = np.ones(len(record), dtype=bool)
    named = np.zeros(len(record), dtype=bool)
    items: list[Item] = []
    wall_time: int | None = None
    step: tuple[int, int] | None = None
    restart = False
    for field in fields(record):
        if field.number == 1 and field.end - field.start == 8:
            wall_time, fixed[field.start : field.end] = field.start, False
        elif field.number == 2:
            step, fixed[field.start : field.end] = (field.start, field.end), False
        elif field.number == 5:
            items += [
                _item(record, f.start, f.end, fixed, named) for f in fields(record, field.start, field.end) if f.number == 1
            ]
        elif field.number == 7:
            restart = any(f.number == 1 and f.value == 1 for f in fields(record, field.start, field.end))
    return Layout(
        items=tuple(items),
        wall_time=wall_time,
        step=step,
        restart=restart,
        structure=np.flatnonzero(fixed & ~named),
        names=np.flatnonzero(named),
        fixed=np.flatnonzero(fixed),
    )


def _item(record: bytes, start: int, end: int, fixed: NDArray[np.bool_], named: NDArray[np.bool_]) -> Item:
    kind, span, name = "metadata", (start, start), (start, start)
    metadata: tuple[int, int] | None = None
    for field in fields(record, start, end):
        if field.number == 1:
            name = (field.start, field.end)
            named[field.start : field.end] = True
        elif field.number == 9:
            metadata = (field.start, field.end)
        elif field.number == 2 and field.end - field.start == 4:
            kind, span = FLOAT, (field.start, field.end)
        elif field.number in KINDS:
            kind, span = _small(record, field.start, field.end) or (KINDS[field.number], (field.start, field.end))
    fixed[span[0] : span[1]] = False
    return Item(_text(record, name), kind, *span, metadata, name)


def renamed(shape: Layout, record: bytes) -> Layout:
    """The same shape with the tags of another record."""
    return shape._replace(items=tuple(item._replace(tag=_text(record, item.name)) for item in shape.items))


def _text(record: bytes, span: tuple[int, int]) -> str:
    return record[span[0] : span[1]].decode(errors="replace")


def _small(record: bytes, start: int, end: int) -> tuple[str, tuple[int, int]] | None:
    """The bytes of the number in a tensor of one number; None for anything larger, and for anything that is not one."""
    if end - start > TINY:
        return None
    dtype, scalar, content = 0, True, None
    try:
        for field in fields(record, start, end):
            if field.number == 1:
                dtype = field.value
            elif field.number == 2:
                scalar = field.start == field.end
            elif field.number in (4, 5, 6):
                content = (field.start, field.end)
    except WireError:
        return None
    kind = {(DT_FLOAT, 4): FLOAT, (DT_DOUBLE, 8): DOUBLE}.get((dtype, content[1] - content[0] if content else 0))
    return (kind, content) if kind and scalar and content else None
