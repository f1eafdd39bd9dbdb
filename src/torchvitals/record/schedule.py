"""Which steps are measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

DENSE = 20  # the first steps are all measured: initialisation faults live there
GRANT_S = 0.25  # seconds a whole training may cost beyond the budget; nobody notices them
GROWTH = 1.05  # distance of granted steps: 55 of them between step 20 and step 300


class Schedule(Protocol):
    """Decides, once per step and before its forward pass, whether the step is measured."""

    def samples(self, step: int) -> bool:
        """Whether this step is to be measured."""

    def spent(self, cost_s: float, step_s: float, *, sampled: bool) -> None:
        """Learn what a finished step took, and how much of that was the recorder's own doing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Every:
    """Every n-th step, from the first.

    Example:
        >>> [step for step in range(10) if Every(n=4).samples(step)]
        [0, 4, 8]
    """

    n: int

    def samples(self, step: int) -> bool:
        """Multiples of n."""
        return step % self.n == 0

    def spent(self, cost_s: float, step_s: float, *, sampled: bool) -> None:
        """Nothing to learn."""


@dataclass(slots=True, kw_only=True)
class Budget:
    """All of the first steps, then as often as the budget allows.

    A step is measured when what measuring has cost since the dense start, plus what one more will cost, stays within
    `overhead` (a fraction) of the training time since then. Fast steps are therefore measured rarely, slow ones often. So
    that a training of a few seconds is seen, too, a quarter of a second in all is granted to steps 5 % apart.
    """

    overhead: float
    dense: int = DENSE
    grant_s: float = GRANT_S
    growth: float = GROWTH
    _cost_s: float = 0.0
    _last_cost_s: float = 0.0
    _training_s: float = 0.0
    _steps: int = 0
    _last_sampled: int = 0

    def samples(self, step: int) -> bool:
        """Whether it is a dense step, or the account or the grant pays for one more."""
        next_cost_s = self._cost_s + self._last_cost_s
        granted = step >= self._last_sampled * self.growth and next_cost_s <= self.grant_s
        return step < self.dense or granted or next_cost_s <= self.overhead * self._training_s

    def spent(self, cost_s: float, step_s: float, *, sampled: bool) -> None:
        """Book a finished step; the dense start is free."""
        if sampled:
            self._last_cost_s, self._last_sampled = cost_s, self._steps
        self._steps += 1
        if self._steps > self.dense:
            self._cost_s += cost_s
            self._training_s += max(step_s - cost_s, 0.0)
