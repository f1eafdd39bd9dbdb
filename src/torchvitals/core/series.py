"""What was recorded under one tag, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from torchvitals.core.histogram import Histogram
from torchvitals.core.tag import Tag

Steps = NDArray[np.int64]
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """One number a step.

    Shapes: `step` (S,) int64, `value` (S,) float64. NaN and ±inf are allowed and mean what they say: the quantity was not
    finite at that step. A step that was not recorded is absent.
    """

    tag: Tag
    step: Steps
    value: Values
    unit: str = ""
    wall_time: Values | None = None  # (S,) seconds since the epoch, where the log keeps it

    def __post_init__(self) -> None:
        if self.step.shape != self.value.shape or self.step.ndim != 1:
            raise ValueError(f"{self.tag}: step has shape {self.step.shape}, value {self.value.shape}; both must be (S,)")
        self.step.setflags(write=False)
        self.value.setflags(write=False)

    def __len__(self) -> int:
        return len(self.step)

    def finite(self) -> Series:
        """Only the steps whose value is finite."""
        return self._at(np.isfinite(self.value))

    def between(self, first: float, last: float) -> Series:
        """Only the steps in [first, last]."""
        return self._at((self.step >= first) & (self.step <= last))

    def _at(self, keep: NDArray[np.bool_]) -> Series:
        wall_time = None if self.wall_time is None else self.wall_time[keep]
        return replace(self, step=self.step[keep], value=self.value[keep], wall_time=wall_time)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VectorSeries:
    """One vector a step: a number per unit, class or time step. `value` holds S arrays of shape (U,).

    Read from a log, `value` decodes an element each time it is asked for one.
    """

    tag: Tag
    step: Steps
    value: Sequence[Values]
    unit: str = ""

    def __post_init__(self) -> None:
        for array in (self.step, *(self.value if isinstance(self.value, tuple) else ())):
            array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.step)

    def matrix(self) -> Values:
        """All steps as (S, U), where U is the latest length; vectors of another length become rows of NaN."""
        width = len(self.value[-1]) if self.value else 0
        rows = [v if len(v) == width else np.full(width, np.nan) for v in self.value]
        return np.array(rows, dtype=np.float64).reshape(len(rows), width)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HistogramSeries:
    """One histogram a step."""

    tag: Tag
    step: Steps
    value: Sequence[Histogram]
    unit: str = ""

    def __post_init__(self) -> None:
        self.step.setflags(write=False)

    def __len__(self) -> int:
        return len(self.step)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageSeries:
    """One encoded image a step, mostly PNG."""

    tag: Tag
    step: Steps
    value: Sequence[bytes]
    unit: str = ""

    def __len__(self) -> int:
        return len(self.step)
