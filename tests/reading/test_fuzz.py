"""Random damage for a while: the decoder never crashes and never hands on a number that was not written."""

from __future__ import annotations

import contextlib
import os
import random
import time
from pathlib import Path

from event_files import event_file, record_starts
from reading.events import framed

import torchvitals
from torchvitals.errors import LogError
from torchvitals.reading.layout import layout
from torchvitals.reading.reader import Reader
from torchvitals.reading.wire import WireError

SECONDS = float(os.environ.get("TORCHVITALS_FUZZ_S", "30" if os.environ.get("CI") else "3"))


def test_damaged_files(logdir: Path, tmp_path: Path) -> None:
    data, whole = event_file(logdir).read_bytes(), torchvitals.read(logdir)
    written = {str(tag): set(s.value.tolist()) for tag, s in whole.scalars.items()}
    chance, end, runs = random.Random(0), time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        (tmp_path / "events.out.tfevents.1").write_bytes(_damaged(data, chance))
        run = Reader(tmp_path).poll()
        runs += 1
        for tag, series in run.scalars.items() if run else ():
            assert set(series.value.tolist()) <= written[str(tag)], f"damage {runs} of seed 0"
        for blobs in run.histograms.values() if run else ():
            assert all(h.total >= 0 for h in blobs.value)
    assert runs > SECONDS


def test_events_that_are_no_events(logdir: Path, tmp_path: Path) -> None:
    """Sound records with nonsense in them, as another program might write."""
    data = event_file(logdir).read_bytes()
    starts = record_starts(data)
    records = [data[a + 12 : b - 4] for a, b in zip(starts, [*starts[1:], len(data)], strict=True)]
    chance, end, runs = random.Random(1), time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        damaged = [_damaged(chance.choice(records)[:200], chance) for _ in range(5)]
        for record in damaged:
            with contextlib.suppress(WireError):
                layout(record)
        (tmp_path / "events.out.tfevents.1").write_bytes(b"".join(framed(r) for r in damaged))
        with contextlib.suppress(LogError):
            Reader(tmp_path).read()
        runs += 1
    assert runs > SECONDS


def _damaged(data: bytes, chance: random.Random) -> bytes:
    """Some bytes overwritten, cut out, doubled or cut off."""
    damaged = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(damaged) or 1)
        stretch = chance.randint(1, 12)
        match chance.randrange(4):
            case 0:
                damaged[at : at + stretch] = chance.randbytes(stretch)
            case 1:
                del damaged[at : at + stretch]
            case 2:
                damaged[at:at] = damaged[at : at + stretch]
            case _:
                del damaged[max(1, len(damaged) - stretch) :]
    return bytes(damaged)
