"""Logs as another tool writes them: TensorBoard's own writer, no manifest, no torch."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter


def write_log(folder: Path, scalars: Mapping[str, Sequence[float]]) -> Path:
    """One event file with a value a step under every tag; returns the file."""
    writer = EventFileWriter(str(folder))
    steps = max(len(values) for values in scalars.values())
    for step in range(steps):
        values = [Summary.Value(tag=tag, simple_value=v[step]) for tag, v in scalars.items() if step < len(v)]
        writer.add_event(Event(step=step, wall_time=1e9 + step, summary=Summary(value=values)))
    writer.close()
    return next(folder.glob("events.out.tfevents.*"))
