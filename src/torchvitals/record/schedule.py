"""Which steps are measured, and how thoroughly."""

from __future__ import annotations

import math
import statistics
from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

DENSE = 20  # the first steps are all measured: initialisation faults live there
LOG_SPACED = 1000  # steps up to which measured ones lie at growing distances, whatever the budget
GROWTH = 1.07  # of those distances: 40 steps between step 20 and step 300, 58 up to step 1000
LIGHT_GROWTH = 1.02  # the same for loss and gradient norm
GRANT_S = 1.0  # seconds that these may cost in all; mostly it is a fifth of that
LIGHT_GRANT_S = 0.2
FULL_SHARE = 0.5  # of the budget, for steps measured in full; a tenth is for reviews, see `record.reviews`
LIGHT_SHARE = 0.4  # of the budget, for the loss and the gradient norm of the steps between the sampled ones
COUNTING_S = 3e-6  # seconds that the optimizer's hook costs a step that is not measured, with the caches it empties
UNSEEN = 1.5  # what a look costs the training over what the recorder's own clock sees: the steps after it find cold caches
LONGEST_REST = 256  # steps that pass unasked at the most, should the training become slower
LEAST = 0.1  # of the budget that is used for measuring in any case
BURST = 5  # steps measured in a row when a number looks abnormal
REST = 100  # steps until the next burst, so that a run that is abnormal all the time keeps to its budget
BYTES = 3000  # of the log per step of training: 3 MB per 1000 steps
START_BYTES = 1_500_000  # of the log for the log-spaced start, beyond that
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

    def rest(self, step: int, now_s: float) -> int:
        """After which number of steps, one at the least, `look` is worth asking again, when it has just said no."""

    def spent(self, look: Look, step: int, cost_s: float, now_s: float) -> None:
        """Learn what a measured step has cost."""

    def wrote(self, size_bytes: int) -> None:
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

    def rest(self, step: int, now_s: float) -> int:  # noqa: ARG002
        """Until the next multiple of n."""
        return self.n - step % self.n

    def spent(self, look: Look, step: int, cost_s: float, now_s: float) -> None:
        """Nothing to learn."""

    def wrote(self, size_bytes: int) -> None:
        """Nothing to learn."""

    def alarm(self, step: int) -> None:
        """The user has fixed the steps."""


@dataclass(slots=True, kw_only=True)
class Account:
    """What one way of looking may spend: a share of the training time since the dense start, and a gift beyond that."""

    share: float
    growth: float = GROWTH
    gift_s: float = 0.0
    due_s: float = math.inf  # when there will be enough for the next look
    given_step: float = 0.0  # the next step that the gift pays for
    _spent_s: float = 0.0
    _recent_s: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))

    @property
    def spent_s(self) -> float:
        """Seconds spent so far of the share."""
        return self._spent_s

    @property
    def next_s(self) -> float:
        """What one more look will probably cost."""
        return statistics.fmean(self._recent_s) if self._recent_s else 0.0

    def pays(self, step: int, now_s: float) -> bool:
        """Whether a look is paid for now."""
        return now_s >= self.due_s or step >= self.given_step

    def book(self, step: int, cost_s: float, *, paid: bool) -> None:
        """Take a look off the share, or off the gift."""
        if paid:
            self._spent_s += cost_s
        else:
            self.gift_s -= cost_s
        self.learn(step, cost_s)

    def learn(self, step: int, cost_s: float) -> None:
        """Learn the price of a look, and plan the next that is a gift."""
        self._recent_s.append(cost_s)
        due = step * self.growth
        self.given_step = due if due <= LOG_SPACED and self.next_s <= self.gift_s else math.inf

    def plan(self, now_s: float, trained_s: float) -> None:
        """Set `due_s` to the moment when the share of the training time pays for one look more."""
        needed_s = UNSEEN * (self._spent_s + self.next_s) / self.share
        self.due_s = now_s + max(needed_s - trained_s, 0.0)


@dataclass(slots=True, kw_only=True)
class Budget:
    """All of the first steps, then log-spaced ones, then as often as the budget allows.

    A step is measured when what measuring has cost since the dense start, plus what one more will cost, stays within
    `overhead` (a fraction) of the training time since then. Fast steps are therefore measured rarely, slow ones often. So
    that a training of a few seconds is seen, too, steps 7 % apart are measured anyway up to the thousandth, for a second in
    all at the most. A large network is not measured more often than its log can hold at `bytes_per_step`.

    Between the sampled steps loss and gradient norm are looked at as often as their own part of the budget allows: on every
    step where a step takes long enough.
    """

    overhead: float
    dense: int = DENSE
    bytes_per_step: int = BYTES
    full: Account = field(init=False)
    light: Account = field(init=False)
    _started_s: float = math.nan  # when the dense start was over
    _paid: bool = True  # whether the step that is being measured is paid for by its share
    _burst_end: int = 0
    _bytes: int = 0
    _recent_bytes: deque[int] = field(default_factory=lambda: deque(maxlen=RECENT))
    _room: float = 0.0  # the step from which on the log has room for one more

    def __post_init__(self) -> None:
        self.full = Account(share=self.overhead * FULL_SHARE, gift_s=GRANT_S)
        self.light = Account(share=self.overhead * LIGHT_SHARE, gift_s=LIGHT_GRANT_S, growth=LIGHT_GROWTH)

    def look(self, step: int, now_s: float) -> Look:
        """Whether it is a dense step or one of a burst, or one of the accounts pays for it."""
        if step < self.dense:
            return Look.FULL
        if step < self._burst_end or (step >= self._room and self.full.pays(step, now_s)):
            self._paid = step < self._burst_end or now_s >= self.full.due_s
            return Look.FULL
        if self.light.pays(step, now_s):
            self._paid = now_s >= self.light.due_s
            return Look.LIGHT
        return Look.NOT

    def rest(self, step: int, now_s: float) -> int:
        """Half the steps until something is due, at the speed of the training so far: asking takes time, too."""
        step_s = (now_s - self._started_s) / max(step - self.dense, 1)
        due_s = self.light.due_s if step < self._room else min(self.full.due_s, self.light.due_s)
        given = min(self.full.given_step, self.light.given_step) - step
        steps = min((due_s - now_s) / (2 * step_s), given, LONGEST_REST) if step_s > 0 else 1
        return max(int(steps), 1)

    def spent(self, look: Look, step: int, cost_s: float, now_s: float) -> None:
        """Book a finished step; the dense start is free."""
        account = self.full if look is Look.FULL else self.light
        if step < self.dense:
            self._started_s = now_s
            account.learn(self.dense, cost_s)
        else:
            account.book(step, cost_s, paid=self._paid)
        trained_s = max(now_s - self._started_s - self.full.spent_s - self.light.spent_s, 0.0)
        account.plan(now_s, trained_s * self._left(step, trained_s))

    def _left(self, step: int, trained_s: float) -> float:
        """The part of the budget that counting the steps leaves over; where a step is very fast it takes most of it."""
        step_s = trained_s / max(step - self.dense, 1)
        return max(1 - COUNTING_S / (self.overhead * step_s), LEAST) if step_s > 0 else 1.0

    def wrote(self, size_bytes: int) -> None:
        """Book the bytes."""
        self._recent_bytes.append(size_bytes)
        self._bytes += size_bytes
        self._room = (self._bytes + statistics.fmean(self._recent_bytes) - START_BYTES) / self.bytes_per_step

    def alarm(self, step: int) -> None:
        """Measure the next steps, whatever they cost; the account makes up for it later."""
        if step >= self._burst_end + REST or not self._burst_end:
            self._burst_end = step + BURST
