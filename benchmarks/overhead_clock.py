"""A training's own clock: it stands still while the other training of a pair takes its turn.

A recorder that keeps to a share of the training time looks at the clock between two of its steps. In a pair, half of what lies
between them is the other training's step, so with the ordinary clock it would allow itself twice its share.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

KINDS = ("perf_counter", "process_time", "thread_time")


class TrainingClock:
    """Takes the place of Python's clocks, from when it is made.

    Example:
        >>> real, clock = {kind: getattr(time, kind) for kind in KINDS}, TrainingClock()
        >>> before = time.perf_counter()
        >>> with clock.stopped():
        ...     time.sleep(0.2)
        >>> time.perf_counter() - before < 0.1
        True
        >>> for kind, function in real.items():
        ...     setattr(time, kind, function)
    """

    def __init__(self) -> None:
        self.real = {kind: getattr(time, kind) for kind in KINDS}
        self._lost_s = dict.fromkeys(KINDS, 0.0)
        for kind in KINDS:
            setattr(time, kind, functools.partial(_reading, self.real[kind], self._lost_s, kind))

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """What happens inside takes no time."""
        before = {kind: real() for kind, real in self.real.items()}
        try:
            yield
        finally:
            for kind, real in self.real.items():
                self._lost_s[kind] += real() - before[kind]


def _reading(real: Callable[[], float], lost_s: dict[str, float], kind: str) -> float:
    return real() - lost_s[kind]
