"""One reader on one log, measured in a process of its own: `python log_readers.py READER LOGDIR` prints a line of JSON.

What is imported before the clock starts counts neither as time nor as memory.
"""

from __future__ import annotations

import json
import resource
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Job = Callable[[], int]  # does the work and returns how many points, records or rules it saw
POLLS = 1000


def limit(logdir: str) -> Job:
    """What no reader in Python can beat by much: read, frame, check, and let protobuf's C parse each Event."""
    import google_crc32c
    from tensorboard.compat.proto.event_pb2 import Event

    unpack, checksum, parse = struct.Struct("<Q").unpack_from, google_crc32c.value, Event.FromString

    def job() -> int:
        records = 0
        for path in Path(logdir).glob("*tfevents*"):
            data, offset = path.read_bytes(), 0
            while offset < len(data):
                (length,) = unpack(data, offset)
                body = data[offset + 12 : offset + 12 + length]
                checksum(body)
                parse(body)
                records += 1
                offset += 16 + length
        return records

    return job


def torchvitals(logdir: str) -> Job:
    """Scalars in full; histograms and images found, decoded when looked at."""
    from torchvitals.reading.reader import read

    return lambda: _points(read(logdir))


def torchvitals_decoded(logdir: str) -> Job:
    """The same, and every histogram and image looked at once."""
    from torchvitals.reading.reader import read

    def job() -> int:
        run = read(logdir)
        return _points(run) - _blobs(run) + sum(1 for series in _blob_series(run) for _ in series.value)

    return job


def diagnose(logdir: str) -> Job:
    """Read and judge; what it saw is the number of rules that could judge."""
    from torchvitals.diagnosis.engine import diagnose as judge
    from torchvitals.reading.reader import read

    def job() -> int:
        diagnosis = judge(read(logdir))
        return len(diagnosis.clean) + len({f.symptom for f in diagnosis.findings})

    return job


def poll(logdir: str) -> Job:
    """A thousand looks at a log to which nothing has come."""
    from torchvitals.reading.reader import Reader

    reader = Reader(logdir)
    reader.read()
    return lambda: sum(reader.poll() is None for _ in range(POLLS))


def event_accumulator(logdir: str) -> Job:
    """TensorBoard's own reader, told to keep everything."""
    from tensorboard.backend.event_processing import event_accumulator as ea

    kinds = (ea.SCALARS, ea.HISTOGRAMS, ea.IMAGES, ea.TENSORS, ea.COMPRESSED_HISTOGRAMS, ea.AUDIO)

    def job() -> int:
        log = ea.EventAccumulator(logdir, size_guidance=dict.fromkeys(kinds, 0)).Reload()
        found = {"scalars": log.Scalars, "histograms": log.Histograms, "images": log.Images, "tensors": log.Tensors}
        return sum(len(get(tag)) for kind, get in found.items() for tag in log.Tags()[kind] if tag != "torchvitals/manifest")

    return job


def tbparse(logdir: str) -> Job:
    """A long pandas frame of the one kind that lies in the log; asked for others too, it wants TensorFlow."""
    from tbparse import SummaryReader

    kind = {"scalars": "scalars", "histograms-old": "histograms", "histograms-new": "tensors", "images": "images"}
    (chosen,) = (v for k, v in kind.items() if Path(logdir).name.startswith(k))
    return lambda: len(getattr(SummaryReader(logdir, event_types={chosen}), chosen))


def tensorboard_reducer(logdir: str) -> Job:
    """A wide pandas frame a tag; scalars only."""
    from tensorboard_reducer import load_tb_events

    return lambda: sum(frame.size for frame in load_tb_events([logdir]).values())


def _blob_series(run: Any) -> list[Any]:
    return [s for group in (run.histograms, run.vectors, run.tensors, run.images) for s in group.values()]


def _blobs(run: Any) -> int:
    return sum(len(series.step) for series in _blob_series(run))


def _points(run: Any) -> int:
    return sum(len(series) for series in run.scalars.values()) + _blobs(run)


OURS = (torchvitals, torchvitals_decoded, diagnose, poll)
READERS = {f.__name__: f for f in (limit, *OURS, event_accumulator, tbparse, tensorboard_reducer)}


def main(reader: str, logdir: str) -> None:
    job = READERS[reader](logdir)
    before = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    seen = job()
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    unit = 1 if sys.platform == "darwin" else 1024
    print(json.dumps({"cpu_s": cpu, "wall_s": wall, "peak_bytes": (after.ru_maxrss - before.ru_maxrss) * unit, "seen": seen}))


if __name__ == "__main__":
    main(*sys.argv[1:])
