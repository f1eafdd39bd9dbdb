"""What every instrument is: the moment it looks, how often, what it yields, and how that is to be read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Generic, TypeVar

from torch import Tensor

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.sights import Sight

S = TypeVar("S", bound=Sight)
FULL_INTEREST = 100  # sampled steps after which some instruments look less often


class Cadence(IntEnum):
    """On which steps an instrument looks. The first sampled step is one for all of them."""

    LIGHT = 0  # on every step that the budget allows, sampled or not: a few microseconds
    SAMPLED = 1  # on every sampled step
    FADING = 2  # on every sampled step at first, on every fifth later: what is known of the data by then
    RARE = 5  # on every fifth sampled step at first, on every tenth later: dear in time or in bytes
    SPARSE = 25  # on every twenty-fifth sampled step: a computation of its own

    def wants(self, sampled: int) -> bool:
        """Whether a sampled step is one of its steps, by the number of sampled ones before it."""
        every = (_AT_FIRST if sampled < FULL_INTEREST else _LATER)[self]
        return every > 0 and sampled % every == 0


_AT_FIRST = {c: 1 if c is Cadence.FADING else int(c) for c in Cadence}
_LATER = _AT_FIRST | {Cadence.FADING: 5, Cadence.RARE: 10}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Elements of a tensor that are to become a histogram: (n,) with n ≤ `statistics.SAMPLE`, a copy of its own."""

    values: Tensor
    size: int  # number of elements of the whole tensor


# A 0-d tensor or a float becomes a scalar of the log, a 1-d tensor a vector, a Sample a histogram.
Reading = tuple[Tag, Tensor | float | Sample]


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument(ABC, Generic[S]):
    """One measurement.

    `measure` runs under `no_grad` on sampled steps only. It returns tensors on the device it found them on and never calls
    `.item()`, `.cpu()` or `bool()` on one: the recorder copies all readings of a step to the host at once. What it returns
    must be a tensor of its own, because the loop may change what it was shown before the readings are copied.
    """

    sight: ClassVar[type]  # the moment: the kind of sight it is given
    measures: ClassVar[tuple[MeasureInfo, ...]]  # what it can yield
    cadence: ClassVar[Cadence] = Cadence.SAMPLED

    @abstractmethod
    def measure(self, sight: S) -> Iterator[Reading]:
        """Yield what can be read from this sight; nothing when it does not apply."""
