"""How long steps take, with and without being measured."""

from __future__ import annotations

import statistics
from collections import deque

from torchvitals.record.sights import LoopSight

RECENT = 5  # measured steps whose typical unseen cost is charged
SMOOTHING = 0.3  # weight of the latest stretch of steps in the mean duration of a step


class Clock:
    """Compares measured steps with those between them.

    What runs in our own callbacks is timed there. What PyTorch needs to call them, and what they push out of the caches, only
    shows in the duration of the step as a whole; because a single step may have waited for its data, the median of a few
    counts.
    """

    def __init__(self) -> None:
        self._began_s = self._ended_s = 0.0
        self._ended_step = -1  # no measured step has ended so far
        self._ended_cost_s = self._booked_s = 0.0
        # Of steps measured in full, and of those whose loss alone was looked at.
        self._unseen_s: dict[bool, deque[float]] = {kind: deque(maxlen=RECENT) for kind in (True, False)}
        self._plain_s: float | None = None  # mean duration of a step that is not measured
        self._interval = 0

    def begin(self, now_s: float, cost_s: float, step: int) -> None:
        """A measured step begins; `cost_s` is what all our callbacks have taken so far."""
        self._began_s = now_s
        self._interval = step - self._ended_step + 1 if self._ended_step >= 0 else 0
        between = step - self._ended_step
        if self._ended_step >= 0 and between > 0:
            took_s = (now_s - self._ended_s - (cost_s - self._ended_cost_s)) / between
            self._plain_s = took_s if self._plain_s is None else self._plain_s + SMOOTHING * (took_s - self._plain_s)

    def end(self, now_s: float, cost_s: float, step: int, *, full: bool) -> float:
        """The measured step is over and `step` is the next one; returns what measuring it has cost, in seconds."""
        timed_s, took_s = cost_s - self._booked_s, now_s - self._began_s
        unseen = self._unseen_s[full]
        if self._plain_s is not None:
            unseen.append(took_s - timed_s - self._plain_s)
        self._ended_s, self._ended_step, self._ended_cost_s, self._booked_s = now_s, step, cost_s, cost_s
        unseen_s = statistics.median(unseen) if unseen else 0.0
        self._took_s = max(took_s - timed_s, 0.0)
        return timed_s + max(unseen_s, 0.0)

    def leave_out(self, seconds: float) -> None:
        """Something of ours that has an account of its own took this long, in a measured step or between two of them."""
        self._began_s += seconds
        self._booked_s += seconds
        self._ended_s += seconds
        self._ended_cost_s += seconds

    def sight(self, cost_s: float) -> LoopSight:
        """The measured step that has just ended."""
        step_s = self._took_s if self._plain_s is None else self._plain_s
        return LoopSight(step_s=step_s, cost_s=cost_s, interval=self._interval)
