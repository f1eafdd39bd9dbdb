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

    def whole(self, joined: Joined) -> Points:
        """All points in the order in which they were written."""
        if len(self.pieces) > 1:
            order, step, wall_time, ranked = joined.of(self.pieces)
            data = np.concatenate([piece.data for piece in self.pieces])
            self.pieces = [Points(order, step, wall_time, data if ranked is None else data[ranked])]
        return self.pieces[0]


class Joined:
    """Orders, steps and times joined once for all tags that were written together, which then share the memory."""

    def __init__(self) -> None:
        self._pieces: list[Points] = []  # of the tag before; tags that were written together come one after another
        self._joined: tuple[Ints, Ints, NDArray[np.float64], Ints | None] | None = None

    def of(self, pieces: list[Points]) -> tuple[Ints, Ints, NDArray[np.float64], Ints | None]:
        """Order, step and time of all pieces in the order in which they were written, and the ranking that gives it."""
        if self._joined is None or not _share_all_but_data(pieces, self._pieces):
            order, step, wall = (np.concatenate([piece[i] for piece in pieces]) for i in range(3))
            ranked = np.argsort(order, kind="stable") if (np.diff(order) < 0).any() else None
            if ranked is not None:
                order, step, wall = order[ranked], step[ranked], wall[ranked]
            self._pieces = [piece._replace(data=piece.order[:0]) for piece in pieces]
            self._joined = (order, step, wall, ranked)
        return self._joined


def _share_all_but_data(one: list[Points], other: list[Points]) -> bool:
    return len(one) == len(other) and all(
        a.order is b.order and a.step is b.step and a.wall_time is b.wall_time for a, b in zip(one, other, strict=True)
    )


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
