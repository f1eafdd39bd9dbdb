"""The records of an event file: length, checksum, data, checksum. A corrupted value is never handed on."""

from __future__ import annotations

import struct
from typing import NamedTuple

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from torchvitals.core.checksum import MASK, masked_crc32c

HEADER, FOOTER = 12, 4  # u64 length and its checksum; checksum of the data
_unpack = struct.Struct("<QI").unpack_from
Offsets = NDArray[np.int64]


class Scan(NamedTuple):
    """What lies in a stretch of an event file."""

    start: Offsets  # (N,) first byte of the data of each sound record
    length: Offsets  # (N,)
    used: int  # bytes up to the first record that does not end in this stretch
    corrupt: Offsets  # (M,) first byte of the records, lengths included, whose data do not match their checksum
    lost: bool  # at `used` stands a length that cannot be right: nothing says where the next record starts
    wanted: int  # bytes that the record at `used` takes, where its length is known


def scan(block: bytes) -> Scan:
    """Find the records of a block that starts at a record.

    The checksum of a length is remembered: a log has a few lengths only, so checking one is a look-up.
    """
    checksum = google_crc32c.value
    known: dict[int, int] = {}
    start: list[int] = []
    length: list[int] = []
    crc: list[int] = []
    offset, size, wanted, lost = 0, len(block), 0, False
    while offset + HEADER <= size:
        n, check = _unpack(block, offset)
        if known.get(n) != check:
            if masked_crc32c(block[offset : offset + 8]) != check:
                lost = True
                break
            known[n] = check
        end = offset + HEADER + n
        if end + FOOTER > size:
            wanted = HEADER + n + FOOTER
            break
        start.append(offset + HEADER)
        length.append(n)
        crc.append(checksum(block[offset + HEADER : end]))
        offset = end + FOOTER
    starts, lengths = np.array(start, dtype=np.int64), np.array(length, dtype=np.int64)
    sound = _matching(block, starts + lengths, np.array(crc, dtype=np.uint32))
    return Scan(starts[sound], lengths[sound], offset, starts[~sound] - HEADER, lost, wanted)


def _matching(block: bytes, end: Offsets, crc: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Whether the data of each record match the checksum behind them."""
    if not end.size:
        return np.empty(0, dtype=bool)
    data = np.frombuffer(block, dtype=np.uint8)
    stored = data[end[:, None] + np.arange(FOOTER)].view("<u4")[:, 0]
    masked = ((crc >> np.uint32(15)) | (crc << np.uint32(17))) + np.uint32(MASK)
    return np.asarray(masked == stored)
