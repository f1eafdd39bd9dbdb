"""The loss of the best prediction that ignores its input, as far as the targets tell it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from torchvitals.core.manifest import Manifest
from torchvitals.core.run import Run
from torchvitals.core.stats import median
from torchvitals.diagnosis.loss_kinds import BINARY, BY_CLASS, CROSS_ENTROPY, MSE, loss_kind

COUNTED = 4096  # targets of a step that are counted, at most; larger batches by an even choice
FEW_SAMPLES = 16  # batch size up to which the median of a variance lies well below its mean
TOO_MANY = 0.1  # of the batch, as effective number of classes, above which a batch cannot tell their entropy
KNOWN_SCALE = 2.0  # a first loss up to this multiple of where it should start is one mean; healthy runs start at ≤ 1.67
BACK_AT_IT = 0.15  # relative distance from the trivial loss at which a loss has come to rest there
SAME_SCALE = 2.0  # factor between two losses that are the same but for chance
LEAST_TERMS = 8  # targets of a batch, above which a sum is clearly apart from a mean
HALVED = 0.75  # first loss over target variance, below which a written-out squared error may carry a factor ½

LN2 = math.log(2)


def trivial_loss(run: Run) -> float | None:
    """The entropy of the labels for cross-entropy, the variance of the targets for squared error.

    None when it is not known: another loss (of L1 and Huber it is the deviation from the median, which the log does not have),
    one that the loop wrote itself, targets that were not seen, or a reduction that does not show.
    """
    if run.manifest is None:
        return None
    mean = _of_mean(run)
    if mean is None:
        return None
    match run.manifest.loss_reduction:
        case "mean" | "none":  # of a loss that is not reduced, the mean is recorded
            return mean if _fits_its_weights(run, mean) else None
        case "sum":
            return mean * _terms(run)
        case "" if _is_sum(run):
            return mean * _terms(run)
        case "":
            return mean if _is_one_mean(run, mean) and _fits_its_weights(run, mean) else None
    return None


def _of_mean(run: Run) -> float | None:
    """The trivial loss if the loss is a mean over samples or elements."""
    kind = loss_kind(run.manifest)
    if kind in BY_CLASS:
        return _label_entropy(run)
    if kind in BINARY:
        return _binary_entropy(run)
    return target_variance(run) if kind == MSE else None


def _is_one_mean(run: Run, trivial: float) -> bool:
    """Whether the loss of a function, whose reduction the log does not have, is a plain mean and not a sum of things.

    A sum over the batch, or several losses added up, starts well above the trivial loss of one mean. So may a mean with bad
    initial weights; that one comes to rest at the trivial loss, which the others do by chance at most.
    """
    loss, scale = _losses(run), _terms_at_start(run)
    if not loss.size or (scale is not None and 1 / SAME_SCALE < scale < SAME_SCALE):
        return True
    first, last = median(loss[:3]), median(loss[-max(3, len(loss) // 10) :])
    if loss_kind(run.manifest) == MSE and first < HALVED * trivial:
        return False
    return first <= KNOWN_SCALE * _start(run, trivial) or abs(last - trivial) < BACK_AT_IT * trivial


def _is_sum(run: Run) -> bool:
    """Whether the first loss is as many times that of its outputs as the batch has targets."""
    scale = _terms_at_start(run)
    return scale is not None and 1 / SAME_SCALE < scale / _terms(run) < SAME_SCALE


def _terms_at_start(run: Run) -> float | None:
    """The first loss over the mean cross-entropy of the first outputs, whose errors are still independent of the targets.

    That mean is ln Σ exp z − z̄: the expected output of the target's class is the mean of all. None where it is not told: other
    losses, a recording that begins later, small batches, in which a single sample makes the loss.
    """
    loss = run.scalar("loss", "train")
    mass, mean = run.scalar("log_partition", "model"), run.scalar("output_mean", "model")
    if loss_kind(run.manifest) != CROSS_ENTROPY or loss is None or mass is None or mean is None:
        return None
    if not all(len(s) and s.step[0] == 0 for s in (loss, mass, mean)) or _terms(run) < LEAST_TERMS:
        return None
    expected = float(mass.value[0] - mean.value[0])
    return float(loss.value[0]) / expected if expected > 0 else None


def _start(run: Run, trivial: float) -> float:
    """Where the loss of small random outputs lies: that of equal probabilities, or the targets' variance."""
    kind, shape = loss_kind(run.manifest), None if run.manifest is None else run.manifest.output_shape
    if kind in BINARY:
        return LN2
    return max(trivial, math.log(shape[1])) if kind in BY_CLASS and shape and len(shape) > 1 and shape[1] > 1 else trivial


def _fits_its_weights(run: Run, trivial: float) -> bool:
    """Whether a binary loss can be without weights: with `pos_weight` it starts above ln 2 when the positives are few."""
    if loss_kind(run.manifest) not in BINARY or trivial > 0.8 * LN2:
        return True
    loss = _losses(run)
    return not loss.size or not 1.2 * LN2 < median(loss[:3]) < 4 * LN2


def _losses(run: Run) -> NDArray[np.float64]:
    series = run.scalar("loss", "train")
    return np.empty(0) if series is None else series.value


def _terms(run: Run) -> float:
    """How many terms a summed loss adds up in a batch: targets that are a class, or elements."""
    assert run.manifest is not None
    shape = run.manifest.target_shape
    size = float(math.prod(shape)) if shape else 1.0
    counts = run.vectors_by_subject("target_class_count").get("train")
    if loss_kind(run.manifest) in BY_CLASS and counts is not None and len(counts):
        seen = median(np.nansum(counts.matrix(), axis=1))
        return seen if size <= COUNTED else size * seen / _looked_at(int(size))
    return size


def _looked_at(size: int) -> int:
    """How many of so many targets the recorder counts: an even choice of at most 4096, at an odd stride."""
    return size if size <= COUNTED else -(-size // (-(-size // COUNTED) | 1))


def _label_entropy(run: Run) -> float | None:
    counts = run.vectors_by_subject("target_class_count").get("train")
    if counts is None or not len(counts):
        return _batch_entropy(run)
    total = np.nansum(counts.matrix(), axis=0)
    share = total[total > 0] / total.sum() if total.sum() > 0 else np.empty(0)
    if share.size < 2:
        return None  # one class only: nothing to predict, and nothing to measure learning against
    # Few samples show too little entropy, by (K − 1)/2n in the mean (Miller, 1955).
    entropy = -(share * np.log(share)).sum() + (share.size - 1) / (2 * total.sum())
    return float(min(entropy, math.log(total.size)))


def _batch_entropy(run: Run) -> float | None:
    """Of more than a thousand classes the log has the entropy of each batch; of a vocabulary a batch tells too little."""
    series, manifest = run.scalar("target_entropy", "train"), run.manifest
    if series is None or manifest is None or not manifest.target_shape:
        return None
    entropy = median(series.value)
    enough = math.exp(min(entropy, 700.0)) < TOO_MANY * min(COUNTED, math.prod(manifest.target_shape))
    return entropy if enough and entropy > 0 else None


def _binary_entropy(run: Run) -> float | None:
    """Entropy of the share of ones; of several columns, of shares with the columns' mean variance, which differ less.

    For targets that are 0 or 1: the constant prediction of soft targets depends on more than the log has.
    """
    whole, mean = run.scalar("target_integer_fraction", "train"), run.scalar("target_mean", "train")
    if whole is None or mean is None or not len(mean) or not (whole.value == 1).all():
        return None
    variance = median(mean.value) * (1 - median(mean.value)) if _columns(run.manifest) == 1 else target_variance(run)
    if variance is None or not 0 < variance <= 0.25 + 1e-3:
        return None
    p = 0.5 * (1 - math.sqrt(max(0.0, 1 - 4 * variance)))
    return -p * math.log(p) - (1 - p) * math.log(1 - p) if p > 0 else None


def target_variance(run: Run) -> float | None:
    """Variance of the targets within a batch, mean over columns; of single targets, over the steps. None when not seen."""
    manifest = run.manifest
    series = run.scalar("target_variance", "train")
    if series is None or not len(series):
        return _variance_of_single_targets(run)
    few = manifest is not None and bool(manifest.target_shape) and manifest.target_shape[0] < FEW_SAMPLES  # type: ignore[index]
    finite = series.value[np.isfinite(series.value)]
    value = float(finite.mean()) if few and finite.size else median(finite)
    return value if math.isfinite(value) else None


def _variance_of_single_targets(run: Run) -> float | None:
    """With one number a step, the mean of the batch is the target itself."""
    mean = run.scalar("target_mean", "train")
    shape = None if run.manifest is None else run.manifest.target_shape
    if mean is None or shape is None or math.prod(shape) != 1 or len(mean) < COUNTED // 256:
        return None
    value = float(np.var(mean.value[np.isfinite(mean.value)]))
    return value if value > 0 else None


def _columns(manifest: Manifest | None) -> int:
    shape = None if manifest is None else manifest.target_shape
    return math.prod(shape[1:]) if shape else 1
