"""The records of an event file: length, checksum, data, checksum. A corrupted value is never handed on."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from torchvitals.core.checksum import masked_crc32c

_HEADER = 12  # u64 length, u32 checksum of the length


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """Something in the file that could not be read."""

    offset: int  # bytes
    what: str


def records(data: bytes | memoryview) -> Iterator[bytes | Damage]:
    """Every whole record in order; damage in its place.

    A truncated tail is damage without loss: the file may still be growing. A wrong checksum of the data costs that record; a
    wrong checksum of the length costs the rest of the file, because nothing says where the next record starts.
    """
    view, offset = memoryview(data), 0
    while offset < len(view):
        header = bytes(view[offset : offset + _HEADER])
        if len(header) < _HEADER:
            yield Damage(offset=offset, what="the last record is incomplete")
            return
        length, check = struct.unpack("<QI", header)
        if masked_crc32c(header[:8]) != check:
            yield Damage(offset=offset, what="a record's length is corrupted; the rest of the file cannot be read")
            return
        start, end = offset + _HEADER, offset + _HEADER + length
        if end + 4 > len(view):
            yield Damage(offset=offset, what="the last record is incomplete")
            return
        payload = bytes(view[start:end])
        (check,) = struct.unpack("<I", view[end : end + 4])
        yield (
            payload if masked_crc32c(payload) == check else Damage(offset=offset, what="a record is corrupted and was left out")
        )
        offset = end + 4
