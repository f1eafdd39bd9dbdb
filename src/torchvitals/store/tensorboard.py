"""Step records as ordinary TensorBoard event files: one Event a step."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary

from torchvitals.core.manifest import Manifest
from torchvitals.core.step_record import StepRecord
from torchvitals.core.tag import Tag
from torchvitals.store import pages
from torchvitals.store.event_file import EventFile, OwnFile, UsersFile
from torchvitals.store.failure import Failure
from torchvitals.store.order import Order
from torchvitals.store.projector import Projector
from torchvitals.store.values import Values, image, rows

MANIFEST_TAG = "torchvitals/manifest"
PLUGIN = "torchvitals"  # vectors, tensors and the manifest: kept in the log, left alone by TensorBoard's own pages
FLUSH_S = 1.0


class TensorBoardSink:
    """Writes into an event file: a new one in a folder, or that of the user's `SummaryWriter`.

    Once it is open nothing here raises because of the disk: an error is logged once, and the rest of the training goes
    unrecorded.

    Args:
        logdir: the folder, made if missing.
        writer: write through this `SummaryWriter` instead; its HParams and Custom Scalars pages stay the user's.

    Raises:
        OSError: the folder cannot be made or written to.
        RecordingError: the writer has no event file.
    """

    def __init__(self, logdir: str | Path = "", *, writer: Any = None) -> None:
        self._failure = Failure(str(logdir))
        self._file: EventFile = OwnFile(logdir, self._failure) if writer is None else UsersFile(writer)
        self.logdir = self._failure.logdir = self._file.logdir
        self._pid = os.getpid()
        self._values = Values()
        self._order = Order()
        self._projector = Projector(self.logdir)
        self._manifest: Manifest | None = None
        self._end: Any = None  # of the run on the HParams page, once it has begun there
        self._step = 0  # of the last Event
        self._flushed_s = time.monotonic()
        # Handed over once a second: each one would wake the writer's thread, which then fights for the interpreter's lock.
        self._waiting: list[tuple[Any, int, float]] = []

    @property
    def failed(self) -> bool:
        """Whether writing was given up; the reason has been logged."""
        return self._failure.happened

    def write(self, record: StepRecord) -> None:
        """Append one Event with all values of the step."""
        values = [Summary.Value(tag=str(tag), simple_value=value) for tag, value in record.scalars]
        values += [self._values.tensor(str(tag), vector, PLUGIN) for tag, vector in record.vectors]
        values += [self._values.tensor(str(tag), rows(h), "histograms") for tag, h in record.histograms]
        values += [self._values.tensor(str(tag), tensor, PLUGIN) for tag, tensor in record.tensors]
        values += [image(str(tag), pixels) for tag, pixels in record.images]
        self._projector.take(record.tensors)
        self._append(values, record.step, record.wall_time)
        if self._manifest is not None and self._end is None and not self._file.shared:
            self._write_pages(self._manifest, record)

    def write_manifest(self, manifest: Manifest, step: int) -> None:
        """Append the log's description of itself."""
        self._manifest = manifest
        self._append([self._values.text(MANIFEST_TAG, manifest.to_json(), PLUGIN)], step, time.time())

    def write_text(self, tag: Tag, markdown: str, step: int) -> None:
        """Append a text for TensorBoard's Text page."""
        self._append([self._values.text(str(tag), markdown, "text")], step, time.time())

    def write_image(self, tag: Tag, array: NDArray[np.uint8], step: int) -> None:
        """Append an image for TensorBoard's Images page: grey (H, W) or colour (H, W, 3).

        Raises:
            ValueError: an array of another shape or type.
        """
        self._append([image(str(tag), array)], step, time.time())

    def flush(self) -> None:
        """Bring everything appended so far to the file."""
        for event in self._waiting:
            self._safely(self._file.append, *event)
        self._waiting.clear()
        self._safely(self._file.flush)
        self._flushed_s = time.monotonic()

    def close(self) -> None:
        """Flush and close the file; the user's own is flushed only."""
        if self._end is not None:
            self._append(self._end.value, self._step, time.time())
        self.flush()
        self._safely(self._projector.write)
        self._safely(self._file.close)

    def _write_pages(self, manifest: Manifest, first: StepRecord) -> None:
        start, self._end = pages.session(manifest, first)
        layout = pages.layout({tag.measure for tag, _ in first.scalars})
        self._append([*layout.value, *start.value], first.step, first.wall_time)

    def _append(self, values: Any, step: int, wall_time: float) -> None:
        event = Event(summary=Summary(value=self._order.keep(values, step)))
        if event.summary.value:
            self._step = step
            self._waiting.append((event, step, wall_time))
        if time.monotonic() - self._flushed_s > FLUSH_S:
            self.flush()

    def _safely(self, call: Callable[..., None], *args: Any) -> None:
        """Unless there is no use in it: a forked child has no writer thread, so its queue would fill up and block for ever."""
        if os.getpid() != self._pid or self.failed:
            return
        try:
            call(*args)
        except Exception as error:
            self._failure(error)
