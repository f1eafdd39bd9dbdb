"""How much of a portrait fits into the time that there is for it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from torchvitals.explanation.looks import Look

ENOUGH_S = 0.01  # of passes that are only made to see how long one takes
PASSES = 3  # of which the shortest counts: the first one loads code, and any may be interrupted


class Pace:
    """Remembers how long each look took, so that the next portrait knows what it can afford."""

    def __init__(self) -> None:
        self._took_s: dict[str, float] = {}
        self._pass_s = 0.0  # one pass over the probe
        self._samples = 1  # of the probe
        self._ends_s = math.inf

    def begin(self, seconds: float) -> None:
        """A portrait begins that may take this long."""
        self._ends_s = time.perf_counter() + seconds

    def measure(self, run: Callable[[], object], samples: int) -> None:
        """See how long a pass over the probe takes, which has that many samples."""
        took_s: list[float] = []
        while len(took_s) < PASSES and sum(took_s) < ENOUGH_S:
            began_s = time.perf_counter()
            run()
            took_s.append(time.perf_counter() - began_s)
        self._pass_s, self._samples = min(took_s), max(samples, 1)

    def allows(self, look: Look) -> bool:
        """Whether a look is likely to be done in time."""
        estimate_s = look.least_s + self._pass_s * (look.passes + look.samples / self._samples)
        return self._took_s.get(look.name, estimate_s) <= self._ends_s - time.perf_counter()

    def took(self, look: Look, seconds: float) -> None:
        """Learn the price of a look: the lowest, because a look may be interrupted by whatever else runs."""
        self._took_s[look.name] = min(seconds, self._took_s.get(look.name, seconds))

    def known(self, look: Look) -> bool:
        """Whether a look was made before."""
        return look.name in self._took_s
