"""How far predictions and attributions can be trusted, in words."""

from __future__ import annotations

import math

import numpy as np

from torchvitals.present.learned import Array
from torchvitals.present.theme import format_value

# Sundararajan, Taly and Yan 2017, "Axiomatic attribution for deep networks", section 5: the sum should come within 5 %.
COMPLETE_WITHIN = 0.05
# Adebayo et al. 2018, "Sanity checks for saliency maps", give no bound; these are the customary ones of a weak and a
# strong rank correlation.
WEAK, STRONG = 0.3, 0.7


def against_majority(accuracy: float, majority: float, samples: float) -> str:
    """An accuracy beside that of always naming the most frequent class.

    Two standard errors √(p(1 − p)/N) of the majority's share count as chance.

    Example:
        >>> against_majority(0.9, 0.2, 100)
        'Right on 90 % of the probe. Always naming the most frequent class would be right on 20 %.'
    """
    right, always = format_value(accuracy, "fraction"), format_value(majority, "fraction")
    said = f"Right on {right} of the probe. Always naming the most frequent class would be right on {always}."
    if samples > 0 and 0 <= majority <= 1 and abs(accuracy - majority) <= 2 * math.sqrt(majority * (1 - majority) / samples):
        return (
            f"{said} With {format_value(samples)} samples the difference is within chance: nothing is shown to be learned yet."
        )
    return f"{said} The network is worse than that." if accuracy < majority else said


def least_recalled(counts: Array) -> str:
    """The class of (C, C) that is recognised least, of those with a sample; empty when every class is always right.

    Example:
        >>> least_recalled(np.array([[4.0, 0.0], [3.0, 1.0]]))
        'Least recognized: class 1, 1 of its 4 samples right; most often taken for class 0.'
    """
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        return ""
    total, right = counts.sum(axis=1), np.diag(counts)
    share = np.divide(right, total, out=np.full(len(counts), np.inf), where=(total > 0) & np.isfinite(total))
    if not len(share) or not np.min(share) < 1:
        return ""
    worst = int(share.argmin())
    others = counts[worst] * (np.arange(len(counts)) != worst)
    return (
        f"Least recognized: class {worst}, {format_value(float(right[worst]))} of its {format_value(float(total[worst]))} "
        f"samples right; most often taken for class {int(others.argmax())}."
    )


def explained(outputs: Array, targets: Array) -> float:
    """R² = 1 − ∑(y − ŷ)² / ∑(y − ȳ)² over the finite rows of (N, D); 0 is always answering the mean. NaN without spread."""
    fine = np.isfinite(outputs).all(axis=1) & np.isfinite(targets).all(axis=1)
    y, said = targets[fine], outputs[fine]
    spread = float(np.square(y - y.mean(axis=0)).sum()) if len(y) else 0.0
    return 1 - float(np.square(y - said).sum()) / spread if spread > 0 else math.nan


def completeness(delta: float | None, gradients: Array | None) -> str:
    """Whether integrated gradients sum to the change of the answer, as they should.

    `delta` is the mean |sum − change|, judged against the mean |sum| over the samples of `gradients` (N, *input).
    """
    if delta is None:
        return ""
    if not math.isfinite(delta):
        return "The attributions of integrated gradients do not sum to a finite number: do not read them."
    sums = np.abs(gradients.reshape(len(gradients), -1).sum(axis=1)) if gradients is not None and len(gradients) else None
    mean = float(sums.mean()) if sums is not None else math.nan
    if not mean > 0:
        return f"Convergence delta {format_value(delta)}: how far the sums are from the change of the answer."
    share = format_value(delta / mean, "fraction")
    if delta / mean <= COMPLETE_WITHIN:
        return f"Convergence delta {format_value(delta)}, {share} of the sums: the attributions account for the whole answer."
    return (
        f"Convergence delta {format_value(delta)}, {share} of the sums: more than 5 % of the answer is not accounted for. "
        "The integral needs more steps."
    )


def agreement(correlation: float | None) -> str:
    """Whether the attributions depend on what was learned: those of random weights must differ."""
    if correlation is None:
        return ""
    if not math.isfinite(correlation):
        return "The comparison with random weights is not finite: do not read the attributions."
    said = f"Rank correlation with random weights {format_value(correlation)}:"
    if correlation < WEAK:
        return f"{said} with random weights the map is another one, so it shows what was learned."
    if correlation < STRONG:
        return f"{said} part of the map is there with random weights as well, and says more about the input than the network."
    return f"{said} random weights give nearly the same map. It shows the input, not what was learned."
