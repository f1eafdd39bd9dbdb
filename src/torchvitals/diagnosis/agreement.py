"""Whether predicted classes agree with the targets more often than by chance."""

from __future__ import annotations

import math

import numpy as np

from torchvitals.core.run import Run
from torchvitals.core.stats import median


def chance_corrected(run: Run) -> float | None:
    """Cohen's κ of the last tenth of the recorded steps, three at least; None without counted classes.

    κ = (a − e)/(1 − e) with the accuracy a and e = Σ_c p_c·q_c, what independent predictions of the same shares p would get
    right of targets of the shares q (Cohen, 1960). A prediction that ignores its input has κ ≤ 0, however unequal the classes
    and whatever the loss is weighted by.

    Example:
        >>> chance_corrected(Run(name="a")) is None
        True
    """
    accuracy = run.scalar("batch_accuracy", "train")
    targets = run.vectors_by_subject("target_class_count").get("train")
    predicted = run.vectors_by_subject("predicted_class_count").get("train")
    if accuracy is None or targets is None or predicted is None or not (len(accuracy) and len(targets) and len(predicted)):
        return None
    tail = max(3, len(accuracy) // 10)
    p, q = (np.nansum(counts.matrix()[-tail:], axis=0) for counts in (predicted, targets))
    if p.shape != q.shape or p.sum() <= 0 or q.sum() <= 0:
        return None
    expected = float((p / p.sum()) @ (q / q.sum()))
    right = median(accuracy.value[-tail:])
    return (right - expected) / (1 - expected) if expected < 1 and math.isfinite(right) else None


def skewed(run: Run, below: float) -> bool:
    """Whether the classes are so unequal that the entropy of their shares is less than `below` of the most it can be."""
    targets = run.vectors_by_subject("target_class_count").get("train")
    if targets is None or not len(targets):
        return False
    total = np.nansum(targets.matrix(), axis=0)
    share = total[total > 0] / total.sum() if total.sum() > 0 else np.empty(0)
    return share.size > 1 and float(-(share * np.log(share)).sum()) < below * math.log(share.size)
