"""The learning gate: is the loss leaving what a predictor that ignores its input would reach?"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from torchvitals.core.run import Run
from torchvitals.core.stats import median
from torchvitals.diagnosis.agreement import chance_corrected, skewed
from torchvitals.diagnosis.trivial import trivial_loss

MIN_POINTS = 10  # recorded losses below which nothing is said
FALL = 0.10  # a loss this share below the trivial one counts as learning: 0/51 healthy runs stayed above, 19/36 faulty did
SKEWED = 0.8  # entropy of the classes over the most it can be, below which a loss is often weighted by class
AGREEMENT = 0.2  # κ above which predictions depend on the input: "slight" ends there (Landis and Koch, 1977)
CLEAR_FALL = 0.5  # of the reference: so low a loss speaks for itself, however few were recorded
Status = Literal["learning", "stalled", "diverged", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """How the loss stands against the trivial predictor."""

    status: Status
    initial: float = math.nan  # median of the first three recorded losses
    current: float = math.nan  # median of the last tenth, three at least
    trivial: float | None = None  # loss of the best constant prediction, where the targets tell it
    sentence: str = ""

    @property
    def pretrained(self) -> bool:
        """Whether it was better than the trivial predictor from the start, so that it need not fall any further."""
        return self.trivial is not None and self.initial < self.trivial - FALL * abs(self.trivial)

    @property
    def reference(self) -> float:
        """What the loss must leave behind: the trivial loss, or the initial one if that is lower or all there is."""
        if self.trivial is None:
            return self.initial
        return self.trivial if self.pretrained else min(self.initial, self.trivial)

    @property
    def well(self) -> bool:
        """Whether the run learns, so that faults whose only harm is not learning are not held against it."""
        return self.status == "learning"


def learning(run: Run) -> Learning:
    """Judge the training loss of a run; `unknown` when there is too little of it."""
    series = run.scalar("loss", "train")
    if series is None or not len(series):
        return Learning(status="unknown", sentence="no training loss was recorded")
    tail = max(3, len(series) // 10)
    initial, last = median(series.value[:3]), series.value[-tail:]
    trivial = trivial_loss(run)
    if len(series) < MIN_POINTS:
        return _from_few(series.value, trivial)
    if not math.isfinite(initial) or not np.isfinite(last).any():
        return Learning(status="diverged", initial=initial, trivial=trivial, sentence="the loss is not finite")
    current = median(last)
    state = Learning(status="stalled", initial=initial, current=current, trivial=trivial)
    goal = state.reference - FALL * abs(state.reference)
    worse = trivial is not None and state.pretrained and current > initial + FALL * abs(trivial)
    learns = (current < goal and not worse) or (current < initial - FALL * abs(initial) and _tells_rare_classes(run))
    status: Status = "learning" if learns else "stalled"
    against = "the initial loss" if trivial is None or state.reference < trivial else "the best constant prediction"
    return Learning(
        status=status,
        initial=initial,
        current=current,
        trivial=trivial,
        sentence=f"the loss went from {initial:.3g} to {current:.3g}; {against} is at {state.reference:.3g}",
    )


def _tells_rare_classes(run: Run) -> bool:
    """Whether a classifier of unequal classes learns by its predictions: the loss cannot tell when it is weighted by class.

    Class weights raise the loss of the best constant prediction from the entropy of the shares to ln C at most, and the log
    does not have them.
    """
    if not skewed(run, SKEWED):
        return False
    agreement = chance_corrected(run)
    return agreement is not None and agreement > AGREEMENT


def _from_few(value: NDArray[np.float64], trivial: float | None) -> Learning:
    """Of a handful of losses only a clear fall can be told: L-BFGS is done after five steps."""
    first, last = float(value[0]), float(value[-1])
    state = Learning(status="unknown", initial=first, current=last, trivial=trivial)
    if len(value) >= 3 and 0 < last < CLEAR_FALL * state.reference:
        return replace(state, status="learning", sentence=f"the loss fell from {first:.3g} to {last:.3g}")
    return replace(state, sentence=f"{len(value)} recorded losses are too few to tell whether it learns")
