"""The learning gate: is the loss leaving what a predictor that ignores its input would reach?"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from torchvitals.core.run import Run
from torchvitals.core.stats import median

MIN_POINTS = 10  # recorded losses below which nothing is said
FALL = 0.10  # a loss this share below the trivial one counts as learning: 0/51 healthy runs stayed above, 19/36 faulty did
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
    status: Status = "learning" if current < goal and not worse else "stalled"
    against = "the initial loss" if trivial is None or state.reference < trivial else "the best constant prediction"
    return Learning(
        status=status,
        initial=initial,
        current=current,
        trivial=trivial,
        sentence=f"the loss went from {initial:.3g} to {current:.3g}; {against} is at {state.reference:.3g}",
    )


def _from_few(value: NDArray[np.float64], trivial: float | None) -> Learning:
    """Of a handful of losses only a clear fall can be told: L-BFGS is done after five steps."""
    first, last = float(value[0]), float(value[-1])
    state = Learning(status="unknown", initial=first, current=last, trivial=trivial)
    if len(value) >= 3 and 0 < last < CLEAR_FALL * state.reference:
        return replace(state, status="learning", sentence=f"the loss fell from {first:.3g} to {last:.3g}")
    return replace(state, sentence=f"{len(value)} recorded losses are too few to tell whether it learns")


def trivial_loss(run: Run) -> float | None:
    """The loss of the best constant prediction: the entropy of the labels, or the variance of the targets.

    None when the loss is not one of those that this is true of, or its targets were not seen.
    """
    manifest = run.manifest
    if manifest is None or manifest.loss_reduction != "mean":
        return None
    if manifest.loss in {"CrossEntropyLoss", "NLLLoss"}:
        return _label_entropy(run)
    if manifest.loss == "MSELoss":
        series = run.scalar("target_variance", "train")
        return None if series is None else _finite(median(series.value))
    return None


def _label_entropy(run: Run) -> float | None:
    counts = run.vectors_by_subject("target_class_count").get("train")
    if counts is None or not len(counts):
        return None
    total = np.nansum(counts.matrix(), axis=0)
    share = total[total > 0] / total.sum() if total.sum() > 0 else np.empty(0)
    # One class only: nothing to predict, and nothing to measure learning against.
    return float(-(share * np.log(share)).sum()) if share.size > 1 else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
