"""Points of one tag as they come in, and as columns once asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
FILE_BITS = 40  # a point's order is the rank of its file and, below it, the offset of its value in there


class Restart(NamedTuple):
    """Training starts again: what was written before `order` for steps ≥ `step` is superseded."""

    order: int
    step: int
    files: frozenset[int] | None  # ranks of the files it speaks of; None: all


class Points(NamedTuple):
    """Points of one tag side by side, N of them."""

    order: Ints  # (N,)
    step: Ints  # (N,)
    wall_time: NDArray[np.float64]  # (N,) seconds since the epoch
    data: NDArray[Any]  # (N,) values, or (N, 2) first byte and length of a blob

    def take(self, which: NDArray[Any] | slice) -> Points:
        """Some of them."""
        return Points(self.order[which], self.step[which], self.wall_time[which], self.data[which])

    @property
    def file(self) -> Ints:
        """Rank of the file each lies in."""
        return np.asarray(self.order >> FILE_BITS, dtype=np.int64)


@dataclass(slots=True)
class Column:
    """The points of one tag, taken in piece by piece."""

    pieces: list[Points] = field(default_factory=list)
    size: int = 0

    def append(self, points: Points) -> None:
        """Take points in, in any order."""
        self.pieces.append(points)
        self.size += len(points.step)

    def whole(self) -> Points:
        """All points in the order in which they were written."""
        if len(self.pieces) > 1:
            joined = Points(*(np.concatenate(parts) for parts in zip(*self.pieces, strict=True)))
            if (np.diff(joined.order) < 0).any():
                joined = joined.take(np.argsort(joined.order, kind="stable"))
            self.pieces = [joined]
        return self.pieces[0]


def standing(points: Points, restarts: Sequence[Restart]) -> tuple[Points, Points]:
    """The points that stand, by step; and those that a later attempt superseded, as they were written."""
    dead = _superseded(points, restarts)
    alive = points.take(~dead) if dead.any() else points
    if (np.diff(alive.step) < 0).any():
        alive = alive.take(np.argsort(alive.step, kind="stable"))
    return alive, points.take(dead)


def _superseded(points: Points, restarts: Sequence[Restart]) -> NDArray[np.bool_]:
    """Points from the step on at which a younger file, or a restart, takes up again.

    Tag by tag, because two writers that share a folder, each with tags of its own, must not touch one another.
    """
    dead = np.zeros(len(points.step), dtype=bool)
    for begin in np.flatnonzero(np.diff(points.file)) + 1:
        dead[:begin] |= points.step[:begin] >= points.step[begin]
    for restart in restarts:
        before = (points.order < restart.order) & (points.step >= restart.step)
        dead |= before if restart.files is None else before & np.isin(points.file, list(restart.files))
    return dead
