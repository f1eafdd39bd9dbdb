"""Notices from the cheap numbers of a step that the next ones are worth measuring in full."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict, deque

from torchvitals.core.step_record import StepRecord

WATCHED = ("loss", "global_grad_norm")
HISTORY = 64  # values that are usual
ENOUGH = 32  # values before anything can be unusual
RENEWED = 8  # values after which the limit is computed anew: it costs as much as all else that a light look does
SIGMAS = 6.0  # of the logarithm, as OLMo-core's guard against spikes has it (six standard deviations over 128 steps)
MAD = 1.4826  # median absolute deviation to standard deviation, for a normal distribution
NARROWEST = 0.05  # standard deviation of the logarithm that is assumed at least: five per cent is no spike


class Lookout:
    """Remembers the usual size of the loss and of the gradient norm."""

    def __init__(self) -> None:
        self._usual: dict[str, Usual] = defaultdict(Usual)

    def abnormal(self, record: StepRecord) -> bool:
        """Whether one of the numbers is NaN, infinite, or far above what it was."""
        found = [self._usual[str(tag)].exceeded(value) for tag, value in record.scalars if tag.measure in WATCHED]
        return any(found)  # of a list: every value must be seen, so that all histories grow


class Usual:
    """The usual range of one number."""

    def __init__(self) -> None:
        self._logs: deque[float] = deque(maxlen=HISTORY)
        self._limit = math.inf  # of the logarithm
        self._seen = 0

    def exceeded(self, value: float) -> bool:
        """Whether a value is not finite or far above the usual; it becomes part of it."""
        if not math.isfinite(value):
            return True
        if value <= 0:
            return False
        now = math.log(value)
        high = now > self._limit
        self._logs.append(now)
        self._seen += 1
        if self._seen >= ENOUGH and self._seen % RENEWED == 0:
            middle = statistics.median(self._logs)
            spread = MAD * statistics.median(abs(x - middle) for x in self._logs)
            self._limit = middle + SIGMAS * max(spread, NARROWEST)
        return high
