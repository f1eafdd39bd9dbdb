"""Event files as bytes: where their records lie, and how to damage them."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event

LENGTH, HEADER, FOOTER = 8, 12, 4  # bytes: the length; with its checksum; the checksum of the data


def event_file(folder: Path) -> Path:
    """The only event file of a folder."""
    (path,) = folder.glob("*tfevents*")
    return path


def record_starts(data: bytes) -> list[int]:
    """The byte at which each record begins."""
    starts, offset = [], 0
    while offset < len(data):
        starts.append(offset)
        (length,) = struct.unpack_from("<Q", data, offset)
        offset += HEADER + length + FOOTER
    return starts


def events_of(path: Path) -> list[Any]:
    """Every Event of a sound file."""
    data = path.read_bytes()
    starts = record_starts(data)
    ends = [*starts[1:], len(data)]
    return [Event.FromString(data[a + HEADER : b - FOOTER]) for a, b in zip(starts, ends, strict=True)]


def flipped(data: bytes, position: int) -> bytes:
    """The same bytes with every bit of one of them turned over."""
    return data[:position] + bytes([data[position] ^ 0xFF]) + data[position + 1 :]
