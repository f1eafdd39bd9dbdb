"""Cross-entropy of outputs that are squashed into [0, 1]: the band its loss cannot leave."""

from __future__ import annotations

import math

import numpy as np

from torchvitals.core.run import Run
from torchvitals.core.stats import median
from torchvitals.diagnosis.heads import columns
from torchvitals.diagnosis.loss_kinds import CROSS_ENTROPY, loss_kind

ROUNDING = 1e-2  # of a loss, in nats
ACCURATE = 0.75  # accuracy of the last tenth of the steps; their own cross-entropy is then below 1 …
SURE = 2.0  # … and standard deviation over a sample's outputs, from which on a softmax is next to 0 and 1
EXACT = 0.1  # nats between the loss and what such a softmax leaves of it


def band(classes: int, width: float = 1.0) -> tuple[float, float]:
    """Least and largest cross-entropy of a sample whose outputs keep to an interval of that width, in nats.

    The least is that of the true class at the top and the others at the bottom: ln(eʷ + C − 1) − w; the largest that of one
    wrong class at the top: ln(eʷ + C − 1). Between 0 and 1 and for ten classes they are 1.46 and 2.46.

    Example:
        >>> [round(edge, 2) for edge in band(10)]
        [1.46, 2.46]
    """
    most = math.log(math.exp(width) + classes - 1)
    return most - width, most


def keeps_to_band(run: Run, width: float = 1.0) -> bool:
    """Whether no recorded loss says that it was computed from other outputs than squashed ones; True where it cannot tell."""
    loss, classes = run.scalar("loss", "train"), columns(run.manifest)
    if loss is None or classes is None or classes < 2 or run.manifest is None or run.manifest.loss_reduction == "sum":
        return True
    low, high = band(classes, width)
    value = loss.value[np.isfinite(loss.value)]
    if run.manifest.loss_reduction != "mean":  # of a function it is not known: a sum, or a term more, would lie above
        high = math.inf
    return bool(((value > low - ROUNDING) & (value < high + ROUNDING)).all())


def squashed_by_the_loop(run: Run) -> tuple[float, float, float] | None:
    """Loss, accuracy and the band's lower edge of a run whose loss was taken of the softmax of its outputs; else None.

    The outputs are free, far apart and mostly right, so that their own cross-entropy would be small; yet the loss has never
    left the band of probabilities, and lies where a softmax of 0 and 1 puts it: at the lower edge plus the share of errors.
    """
    classes = columns(run.manifest)
    accuracy, loss = run.scalar("batch_accuracy", "train"), run.scalar("loss", "train")
    spread, high = run.scalar("logit_spread", "model"), run.scalar("output_max", "model")
    if loss_kind(run.manifest) != CROSS_ENTROPY or classes is None or classes < 3:
        return None
    if accuracy is None or loss is None or spread is None or high is None or not len(accuracy) or not len(loss):
        return None
    tail = max(3, len(accuracy) // 10)
    right, sure, last = median(accuracy.value[-tail:]), median(spread.value[-tail:]), median(loss.value[-tail:])
    least, most = band(classes)
    inside = bool(((loss.value > least - ROUNDING) & (loss.value < most + ROUNDING)).all())
    telling = right >= ACCURATE and sure >= SURE and abs(last - (least + 1 - right)) < EXACT
    return (last, right, least) if inside and telling and not (high.value <= 1).all() else None
