"""The points of a run, tag by tag, with steps that only go up."""

from __future__ import annotations

from array import array
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from torchvitals.core.histogram import Histogram

T = TypeVar("T")
Points = dict[str, list[tuple[int, T]]]


@dataclass(slots=True)
class Columns:
    """What one event file holds, or all files of a run joined. Of two points of a tag at one step the later one counts."""

    scalars: dict[str, tuple[array[int], array[float]]] = field(
        default_factory=lambda: defaultdict(lambda: (array("q"), array("d")))
    )
    vectors: Points[np.ndarray[Any, Any]] = field(default_factory=lambda: defaultdict(list))
    histograms: Points[Histogram] = field(default_factory=lambda: defaultdict(list))
    texts: Points[str] = field(default_factory=lambda: defaultdict(list))
    events: int = 0
    first_step: int | None = None  # of the first event with a value
    restarted_at: int | None = None  # the earliest step that was gone back to
    same_step: int = 0  # points replaced by a later one of the same step

    def add_scalar(self, tag: str, step: int, value: float) -> None:
        """Append a point; points at or after its step are of an abandoned attempt and go."""
        steps, values = self.scalars[tag]
        while steps and steps[-1] >= step:
            self._replaced(steps.pop(), step)
            values.pop()
        steps.append(step)
        values.append(value)

    def add(self, points: Points[T], tag: str, step: int, value: T) -> None:
        """The same for one of `vectors`, `histograms` and `texts`."""
        pairs = points[tag]
        while pairs and pairs[-1][0] >= step:
            self._replaced(pairs.pop()[0], step)
        pairs.append((step, value))

    def extend(self, later: Columns) -> None:
        """Append what a later file holds."""
        for tag, (steps, values) in later.scalars.items():
            for step, value in zip(steps, values, strict=True):
                self.add_scalar(tag, step, value)
        for mine, theirs in zip(self._blobs(), later._blobs(), strict=True):
            for tag, pairs in theirs.items():
                for step, value in pairs:
                    self.add(mine, tag, step, value)
        self.events += later.events

    def cut(self, first: int) -> None:
        """Leave out everything from a step on: the training was started again there."""
        for steps, values in self.scalars.values():
            keep = int(np.searchsorted(np.array(steps), first))
            self._gone_back(first, len(steps) - keep)
            del steps[keep:], values[keep:]
        for points in self._blobs():
            for pairs in points.values():
                keep = sum(step < first for step, _ in pairs)
                self._gone_back(first, len(pairs) - keep)
                del pairs[keep:]

    def _blobs(self) -> tuple[Points[Any], ...]:
        return self.vectors, self.histograms, self.texts

    def _replaced(self, old: int, new: int) -> None:
        if old == new:
            self.same_step += 1
        else:
            self._gone_back(new, 1)

    def _gone_back(self, step: int, points: int) -> None:
        if points and (self.restarted_at is None or step < self.restarted_at):
            self.restarted_at = step
