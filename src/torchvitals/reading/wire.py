"""The protobuf wire format, as far as event files use it: where each field of a message starts and ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class WireError(ValueError):
    """The bytes are not a message."""


class Field(NamedTuple):
    """One field of a message: its number, and the bytes [start, end) of its content."""

    number: int
    start: int
    end: int
    value: int  # of a varint; 0 otherwise


def varint(data: bytes, offset: int) -> tuple[int, int]:
    """The number that starts at `offset`, and where it ends."""
    number = shift = 0
    while offset < len(data):
        byte = data[offset]
        number |= (byte & 0x7F) << shift
        offset += 1
        if byte < 0x80:
            return number, offset
        shift += 7
        if shift > 63:
            break
    raise WireError("a number does not end")


def fields(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Field]:
    """The fields of the message in data[start:end], in order.

    Raises:
        WireError: the bytes are not a message.
    """
    offset, stop = start, len(data) if end is None else end
    while offset < stop:
        key, offset = varint(data, offset)
        kind, value = key & 7, 0
        if kind == VARINT:
            begin = offset
            value, after = varint(data, offset)
        elif kind == BYTES:
            size, begin = varint(data, offset)
            after = begin + size
        elif kind in (FIXED64, FIXED32):
            begin, after = offset, offset + (8 if kind == FIXED64 else 4)
        else:
            raise WireError(f"field type {kind} does not occur in event files")
        if after > stop:
            raise WireError("a field is longer than its message")
        yield Field(key >> 3, begin, after, value)
        offset = after
