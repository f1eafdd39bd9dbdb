"""Which steps are measured, and how thoroughly."""

from __future__ import annotations

import math
import statistics
from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

DENSE = 20  # the first steps are all measured: initialisation faults live there
GRANT_S = 0.25  # seconds a whole training may cost beyond the budget; nobody notices them
GROWTH = 1.05  # distance of granted steps: 55 of them between step 20 and step 300
FULL_SHARE = 0.5  # of the budget, for steps measured in full; a tenth is for reviews, see `record.reviews`
LIGHT_SHARE = 0.4  # of the budget, for the loss and the gradient norm of the steps between the sampled ones
BURST = 5  # steps measured in a row when a number looks abnormal
REST = 100  # steps until the next burst, so that a run that is abnormal all the time keeps to its budget
BYTES = 3000  # of the log per step of training, on average after the dense start: 3 MB per 1000 steps
RECENT = 5  # steps whose typical cost is expected of the next one: one of them is a dear one


class Look(IntEnum):
    """How thoroughly a step is measured."""

    NOT = 0
    LIGHT = 1  # loss and gradient norm
    FULL = 2


class Schedule(Protocol):
    """Decides once per step, before its forward pass, how it is measured. Times are seconds of one clock."""

    def look(self, step: int, now_s: float) -> Look:
        """How the step that begins now is to be measured; called for every step, so it must be quick."""

    def spent(self, look: Look, step: int, cost_s: float, now_s: float) -> None:
        """Learn what a measured step has cost."""

    def wrote(self, step: int, size_bytes: int) -> None:
        """Learn how much of the log a sampled step has taken."""

    def alarm(self, step: int) -> None:
        """A number looked abnormal: the next steps are worth a look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Every:
    """Every n-th step, from the first.

    Example:
        >>> [step for step in range(10) if Every(n=4).look(step, 0.0)]
        [0, 4, 8]
    """

    n: int

    def look(self, step: int, now_s: float) -> Look:  # noqa: ARG002 - this schedule needs no clock
        """Multiples of n."""
        return Look.FULL if step % self.n == 0 else Look.NOT

    def spent(self, look: Look, step: int, cost_s: float, now_s: float) -> None:
        """Nothing to learn."""

    def wrote(self, step: int, size_bytes: int) -> None:
        """Nothing to learn."""

    def alarm(self, step: int) -> None:
        """The user has fixed the steps."""


@dataclass(slots=True, kw_only=True)
class Account:
    """What one way of looking may spend: a share of the training time since the dense start."""

    share: float
    due_s: float = math.inf  # when there will be enough for the next look
    _spent_s: float = 0.0
    _recent_s: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))

    @property
    def spent_s(self) -> float:
        """Seconds spent so far."""
        return self._spent_s

    @property
    def next_s(self) -> float:
        """What one more look will probably cost."""
        return statistics.fmean(self._recent_s) if self._recent_s else 0.0

    def expect(self, cost_s: float) -> None:
        """Learn the price of a look that was not paid for from here."""
        self._recent_s.append(cost_s)

    def book(self, cost_s: float) -> None:
        """Pay for a look."""
        self.expect(cost_s)
        self._spent_s += cost_s

    def plan(self, now_s: float, trained_s: float) -> None:
        """Set `due_s` to the moment when the share of the training time pays for one look more."""
        needed_s = (self._spent_s + self.next_s) / self.share
        self.due_s = now_s + max(needed_s - trained_s, 0.0)


@dataclass(slots=True, kw_only=True)
class Budget:
    """All of the first steps, then as often as the budget allows.

    A step is measured when what measuring has cost since the dense start, plus what one more will cost, stays within
    `overhead` (a fraction) of the training time since then. Fast steps are therefore measured rarely, slow ones often. So
    that a training of a few seconds is seen, too, a quarter of a second in all is granted to steps 5 % apart. A large network
    is not measured more often than its log can hold at `bytes_per_step`.

    Between the sampled steps loss and gradient norm are looked at as often as their own part of the budget allows: on every
    step where a step takes long enough.
    """

    overhead: float
    dense: int = DENSE
    grant_s: float = GRANT_S
    growth: float = GROWTH
    bytes_per_step: int = BYTES
    full: Account = field(init=False)
    light: Account = field(init=False)
    _started_s: float = math.nan  # when the dense start was over
    _granted: float = 0.0  # the next step that the grant pays for
    _burst_end: int = 0
    _bytes: int = 0
    _recent_bytes: deque[int] = field(default_factory=lambda: deque(maxlen=RECENT))
    _room: float = 0.0  # the step from which on the log has room for one more

    def __post_init__(self) -> None:
        self.full = Account(share=self.overhead * FULL_SHARE)
        self.light = Account(share=self.overhead * LIGHT_SHARE, due_s=-math.inf)  # its price is not known before the first

    def look(self, step: int, now_s: float) -> Look:
        """Whether it is a dense step or one of a burst, or one of the accounts pays for it."""
        if step < self.dense or step < self._burst_end:
            return Look.FULL
        if (now_s >= self.full.due_s or step >= self._granted) and step >= self._room:
            return Look.FULL
        return Look.LIGHT if now_s >= self.light.due_s else Look.NOT

    def spent(self, look: Look, step: int, cost_s: float, now_s: float) -> None:
        """Book a finished step; the dense start is free."""
        account = self.full if look is Look.FULL else self.light
        if step < self.dense:
            account.expect(cost_s)
            self._started_s = now_s
        else:
            account.book(cost_s)
        trained_s = max(now_s - self._started_s - self.full.spent_s - self.light.spent_s, 0.0)
        account.plan(now_s, trained_s)
        if look is not Look.FULL:
            return
        affordable = self.full.spent_s + self.full.next_s <= self.grant_s
        self._granted = max(self.dense, step * self.growth) if affordable else math.inf

    def wrote(self, step: int, size_bytes: int) -> None:
        """Book the bytes; those of the dense start are free."""
        self._recent_bytes.append(size_bytes)
        self._bytes += size_bytes if step >= self.dense else 0
        self._room = self.dense + (self._bytes + statistics.fmean(self._recent_bytes)) / self.bytes_per_step

    def alarm(self, step: int) -> None:
        """Measure the next steps, whatever they cost; the account makes up for it later."""
        if step >= self._burst_end + REST or not self._burst_end:
            self._burst_end = step + BURST
