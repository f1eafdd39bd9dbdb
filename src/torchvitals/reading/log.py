"""The event files of one run, followed: whatever is new since the last look becomes points."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from google.protobuf.message import DecodeError
from tensorboard.compat.proto.summary_pb2 import SummaryMetadata

from torchvitals.reading import blocks
from torchvitals.reading.blocks import Batch
from torchvitals.reading.hparams import SESSION_START
from torchvitals.reading.layout import DOUBLE, FLOAT, Item
from torchvitals.reading.points import FILE_BITS, Column, Points, Restart
from torchvitals.reading.scan import HEADER, Scan, scan
from torchvitals.reading.source import Source, event_files

BLOCK = 2 << 20  # bytes looked at in one go
HEAD = 256  # bytes of a tensor that hold its type and its shape


class Key(NamedTuple):
    """What a column holds: a tag, and whether as numbers (`scalar`) or as which kind of blob."""

    tag: str
    kind: str


@dataclass(slots=True)
class LogFile:
    """How far one file has been read, and what was wrong in it."""

    source: Source
    rank: int
    identity: int
    offset: int = 0  # everything before it has been taken in
    size: int = 0
    records: int = 0
    corrupt: list[int] = field(default_factory=list)  # offsets
    strange: list[int] = field(default_factory=list)  # offsets of sound records that are no Events
    lost: bool = False  # a length is corrupted: the rest cannot be read
    begin: int | None = None  # order of the first Event with a value
    ours: tuple[int, int] | None = None  # order and step of our recorder's first description; None: it did not write here

    def problems(self) -> Iterator[str]:
        """What was lost, in words."""
        name = self.source.name
        if not self.size:
            yield f"{name}: empty; it is left out"
        if not self.records and self.size and not self.corrupt:
            yield f"{name}: not an event file; it is left out"
            return
        if self.corrupt:
            yield f"{name}, byte {self.corrupt[0]}: {_count(self.corrupt, 'record')} corrupted and left out"
        if self.strange:
            yield f"{name}, byte {self.strange[0]}: {_count(self.strange, 'record')} not an Event and left out"
        if self.lost:
            yield f"{name}, byte {self.offset}: a record's length is corrupted; the rest of the file cannot be read"
        elif self.offset < self.size:
            yield f"{name}, byte {self.offset}: the last record is incomplete; it may still be written"


class RunLog:
    """All event files of one folder, or one file. `poll` takes in what is new; `columns` and `restarts` hold what there is."""

    def __init__(self, path: str | Path, *, ours: str) -> None:
        self.path = path
        self.columns: dict[Key, Column] = defaultdict(Column)
        self.plugins: dict[str, SummaryMetadata.PluginData] = {}  # by tag, from the first value that carries it
        self.heads: dict[str, bytes] = {}  # by tag, how its first tensor begins: enough to tell what it is
        self.files: list[LogFile] = []
        self._ours = ours  # a tag that only our recorder writes
        self._shapes = blocks.Shapes()
        self._restarts: list[Restart] = []

    def _forget(self) -> None:
        for known in (self.columns, self.plugins, self.heads, self.files, self._restarts):
            known.clear()

    @property
    def sources(self) -> list[Source]:
        """The files by their rank."""
        return [f.source for f in self.files]

    @property
    def restarts(self) -> list[Restart]:
        """Where training was taken up again.

        When our recorder begins a further file, nothing of the abandoned attempt may stay, not even of layers that the new
        network lacks; files that other tools put beside it are not spoken of.
        """
        own = [f for f in self.files if f.ours is not None]
        ranks = frozenset(f.rank for f in own)
        # The step is that of the recorder: in a writer that it shares with the user, another may have come before it.
        again = [Restart(f.begin, f.ours[1], ranks) for f in own[1:] if f.begin is not None and f.ours is not None]
        return [*self._restarts, *again]

    def problems(self) -> tuple[str, ...]:
        """What was lost while reading, in words."""
        return tuple(problem for file in self.files for problem in file.problems())

    def poll(self) -> bool:
        """Take in what is new. True when there was anything.

        Raises:
            LogNotFoundError: the path is gone.
        """
        found = event_files(self.path)
        states = [source.state() for source in found]
        if self._replaced(found, states):
            self._forget()  # a file was written anew, so nothing that was taken from it holds
        known = {f.source.name for f in self.files}
        for source, (identity, _) in zip(found, states, strict=True):
            if source.name not in known:
                self.files.append(LogFile(source, len(self.files), identity))
        sizes = {source.name: size for source, (_, size) in zip(found, states, strict=True)}
        grown = [f for f in self.files if sizes[f.source.name] > f.size]
        for file in grown:
            file.size = sizes[file.source.name]
            self._read(file)
        return bool(grown)

    def _replaced(self, found: list[Source], states: list[tuple[int, int]]) -> bool:
        now = {source.name: state for source, state in zip(found, states, strict=True)}
        return any((state := now.get(f.source.name)) is None or state[0] != f.identity or state[1] < f.size for f in self.files)

    def _read(self, file: LogFile) -> None:
        length = BLOCK
        while not file.lost and file.offset < file.size:
            block = file.source.read(file.offset, min(length, file.size - file.offset))
            found = scan(block)
            self._take(file, block, found)
            file.offset += found.used
            file.lost = found.lost
            if not found.used and len(block) >= file.size - file.offset:
                break  # the tail: the rest of its record is still to come
            length = max(BLOCK, found.wanted) if found.used or found.wanted else 2 * length

    def _take(self, file: LogFile, block: bytes, found: Scan) -> None:
        file.records += len(found.start)
        file.corrupt += (found.corrupt + file.offset).tolist()
        data = np.frombuffer(block, dtype=np.uint8)
        for batch in blocks.batches(
            data, found.start, found.length, self._shapes, lambda at: file.strange.append(at - HEADER + file.offset)
        ):
            self._take_batch(file, data, batch)

    def _take_batch(self, file: LogFile, data: blocks.Bytes, batch: Batch) -> None:
        order = (file.rank << FILE_BITS) + file.offset + batch.start
        if batch.layout.restart:
            self._restarts += [Restart(int(o), int(s), None) for o, s in zip(order, batch.step, strict=True)]
        if not batch.layout.items:
            return
        file.begin = min(int(order[0]), file.begin or int(order[0]))
        # Shared by all tags of the batch, unless a tag stands twice in an Event and its points need telling apart.
        tags = {item.tag for item in batch.layout.items}
        orders = [order + i.start if len(tags) < len(batch.layout.items) else order for i in batch.layout.items]
        self._take_numbers(orders, data, batch)
        first = data[int(batch.start[0]) :]
        for item, order in zip(batch.layout.items, orders, strict=True):
            self._describe(item, first)
            if item.tag == self._ours:
                described = (int(order[0]), int(batch.step[0]))
                file.ours = min(described, file.ours or described)
            if item.kind not in (FLOAT, DOUBLE):
                first_byte = batch.start + item.start + file.offset
                spans = np.stack((first_byte, np.full_like(first_byte, item.end - item.start)), axis=1)
                self._append(item, item.kind, Points(order, batch.step, batch.wall_time, spans))

    def _take_numbers(self, orders: list[blocks.Rows], data: blocks.Bytes, batch: Batch) -> None:
        for kind, dtype in ((FLOAT, "<f4"), (DOUBLE, "<f8")):
            numbers = [(item, order) for item, order in zip(batch.layout.items, orders, strict=True) if item.kind == kind]
            if numbers:
                values = blocks.floats(data, batch, np.array([item.start for item, _ in numbers]), dtype)
                for (item, order), column in zip(numbers, values.T, strict=True):
                    self._append(item, "scalar", Points(order, batch.step, batch.wall_time, column))

    def _describe(self, item: Item, record: blocks.Bytes) -> None:
        """Keep what the first value of a tag says about it; metadata that another program garbled is as good as none."""
        # Hyperparameters are all metadata, and those of the latest attempt count.
        if item.metadata is not None and (item.tag not in self.plugins or item.tag == SESSION_START):
            with suppress(DecodeError):
                raw = record[slice(*item.metadata)].tobytes()
                self.plugins[item.tag] = SummaryMetadata.FromString(raw).plugin_data
        if item.kind == "tensor" and item.tag not in self.heads:
            self.heads[item.tag] = record[item.start : min(item.end, item.start + HEAD)].tobytes()

    def _append(self, item: Item, kind: str, points: Points) -> None:
        if item.tag:
            self.columns[Key(item.tag, kind)].append(points)


def _count(what: list[int], noun: str) -> str:
    return f"a {noun} is" if len(what) == 1 else f"{len(what)} {noun}s are"
