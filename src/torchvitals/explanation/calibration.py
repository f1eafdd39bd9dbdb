"""Arithmetic of classifications: who was taken for whom, and whether a probability keeps what it promises."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 10
Array = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibration:
    """Predictions by how sure they are; bin m of 10 holds confidences in ((m−1)/10, m/10]. All shapes (10,)."""

    count: Array
    right: Array  # how many of them name the true class
    confidence: Array  # sum of their confidences

    def error(self) -> float:
        """Expected calibration error: Σₘ |Bₘ|/n · |acc(Bₘ) − conf(Bₘ)| (Guo et al. 2017, eq. 3, over equal bins).

        A fraction; NaN when there is no prediction.
        """
        n = float(self.count.sum())
        return float(np.abs(self.right - self.confidence).sum() / n) if n else float("nan")


def calibration(probability: Array, labels: Labels) -> Calibration:
    """The bins of the largest probabilities of (R, C); `labels` (R,) are the true classes."""
    confidence = probability.max(axis=1).astype(np.float64)
    right = probability.argmax(axis=1) == labels
    place = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)

    def total(weights: NDArray[np.float64] | None = None) -> Array:
        return np.bincount(place, weights=weights, minlength=BINS).astype(np.float32)

    return Calibration(count=total(), right=total(right.astype(np.float64)), confidence=total(confidence))


def confusion(predicted: Labels, labels: Labels, classes: int) -> Array:
    """How often each true class (row) was taken for each class (column), (C, C)."""
    counts = np.bincount(labels * classes + predicted, minlength=classes**2)
    return counts.reshape(classes, classes).astype(np.float32)


def recall(counts: Array) -> Array:
    """Share of each true class that was recognised, (C,); NaN for a class without a sample."""
    total = counts.sum(axis=1)
    share = np.full(len(counts), np.nan, dtype=np.float32)
    np.divide(np.diag(counts), total, out=share, where=total > 0)
    return share


def probabilities(outputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities (R, C) of what a network puts out: those themselves, or the softmax of anything else.

    The softmax of log-probabilities gives the probabilities back, so that only rows of numbers in 0…1 that sum to one are told
    apart.
    """
    if outputs.size and (outputs >= 0).all() and np.allclose(outputs.sum(axis=1), 1, atol=1e-3):
        return outputs
    shifted = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), dtype=np.float64)
