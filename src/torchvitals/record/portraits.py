"""When it is looked at what the network has learned, while the training goes on."""

from __future__ import annotations

import time
from typing import Protocol

import torch

from torchvitals.core.exhibits import Exhibits
from torchvitals.core.manifest import MeasureInfo, Unseen
from torchvitals.core.step_record import StepRecord
from torchvitals.record.guard import log

GROWTH = 2  # from one look to the next: steps 0, 10, 20, 40, …
FIRST = 10
SHARE = 0.25  # of the overhead: 0.5 % of the training time when that is 2 %
GIFT_S = 0.5  # seconds of a whole training beyond the share
LAST_S = 0.5  # and for the look at the end, which also takes what is left of the gift
LOOK_S = 0.15  # of the gift, for one look
STALE = 0.25  # of the training: a look at the end is worth it when the last one is older
BYTES = 24_000_000  # of the log, all looks together; the one at the end may come on top


class Portrait(Protocol):
    """Looks at the network from outside of the recorder."""

    measures: tuple[MeasureInfo, ...]

    def __call__(self, seconds: float) -> Exhibits:
        """What the network has learned so far, as thoroughly as can be in about that time."""


class Portraits:
    """Calls a portrait at growing distances, as long as the gift or its share pays; one that raises is not called again.

    Args:
        portrait: what is called; None: there is nothing to show.
        overhead: the recorder's budget as a fraction of the training time.
        first_step: the number of the first step of this recording.
    """

    def __init__(self, portrait: Portrait | None, *, overhead: float = 0.0, first_step: int = 0) -> None:
        self._portrait = portrait
        self._share = overhead * SHARE
        self._first_step = first_step
        self._started_s = time.perf_counter()
        self._gift_s = GIFT_S
        self._spent_s = 0.0  # of the share
        self._all_s = 0.0  # of the share and of the gift
        self._took_s = 0.0  # the last one
        self._least_s = 0.0  # the shortest one
        self._paid = False  # whether the last one was paid for by the share
        self._bytes = 0
        self._next = 0  # steps from the first one, as is `_last`
        self._last: int | None = None
        self._waiting: tuple[int, Exhibits] | None = None  # for the other numbers of their step
        self._problems: dict[str, str] = {}

    @property
    def measures(self) -> tuple[MeasureInfo, ...]:
        """What a portrait can hold."""
        return self._portrait.measures if self._portrait is not None else ()

    @property
    def unseen(self) -> tuple[Unseen, ...]:
        """What could not be shown, and why, when it was looked at last."""
        return tuple(Unseen(subject=what, reason=why) for what, why in self._problems.items())

    def run(self, step: int) -> float:
        """Look now if it is time and can be afforded; returns the seconds it took."""
        began_s = time.perf_counter()
        since = step - self._first_step
        if self._portrait is None or since < self._next or self._bytes > BYTES:
            return 0.0
        found = self._made(self._portrait, since, min(self._gift_s, LOOK_S))
        if found is not None:
            self._waiting = step, found
        return time.perf_counter() - began_s

    def added_to(self, record: StepRecord) -> StepRecord:
        """The record with what was found at its step; the very same one when there is nothing."""
        if self._waiting is None or self._waiting[0] != record.step:
            return record
        exhibits, self._waiting = self._waiting[1], None
        return record.showing(exhibits)

    def wrote(self, size_bytes: int, seconds: float) -> float:
        """A record with exhibits has been written, which took this long; returns that."""
        self._book(seconds)
        self._bytes += size_bytes
        return seconds

    def last(self, step: int) -> StepRecord | None:
        """A look at the end of the training; None when the one before is recent enough."""
        since = step - self._first_step
        if self._portrait is None or (self._last is not None and since - self._last <= STALE * since):
            return None
        found = self._made(self._portrait, since, max(self._gift_s, 0.0) + LAST_S)
        return StepRecord(step=step, wall_time=time.time()).showing(found) if found is not None else None

    def _made(self, portrait: Portrait, since: int, gift_s: float) -> Exhibits | None:
        began_s = time.perf_counter()
        share_s = self._share * (began_s - self._started_s - self._all_s) - self._spent_s
        seconds = max(share_s, gift_s)
        if seconds <= self._least_s:
            return None
        self._paid, self._took_s = share_s > gift_s, 0.0
        self._last, self._next = since, max(FIRST, GROWTH * since)
        try:
            # Off while a callback of ours runs, but what the model creates belongs on the device of the loop's context.
            with torch._C._EnableTorchFunction():
                found = portrait(seconds)
        except Exception as error:
            self._portrait = None
            log.warning("torchvitals looks no more at what was learned: %s: %s", type(error).__name__, error)
            return None
        finally:
            self._book(time.perf_counter() - began_s)
            self._least_s = min(self._took_s, self._least_s or self._took_s)
        parts = (problem.partition(": ") for problem in found.problems)
        self._problems = {what: why or what for what, _, why in parts}
        return found

    def _book(self, seconds: float) -> None:
        self._took_s += seconds
        self._all_s += seconds
        if self._paid:
            self._spent_s += seconds
        else:
            self._gift_s -= seconds
