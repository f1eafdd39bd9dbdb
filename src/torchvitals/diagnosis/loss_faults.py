"""Pairs of head, loss and targets that cannot be meant, each recognised by what it leaves in the log."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from torchvitals.core.finding import Evidence
from torchvitals.core.run import Run
from torchvitals.core.stats import Array, median, persistent
from torchvitals.diagnosis.heads import BOTH_SIDES, columns, head, last_called
from torchvitals.diagnosis.loss_kinds import BINARY, BY_CLASS, BY_DISTANCE, CROSS_ENTROPY, MSE, NLL, loss_kind

SHARE = 0.5  # of the recorded steps in which a condition must hold
NOTHING = 1e-6  # of a loss that is zero but for rounding
NOT_LOG = 1e-2  # |ln Σ exp z| of rows that are no log-probabilities; those of float32 are below 1e-5
EVEN = 0.15  # relative distance from mean and variance of evenly spread labels 0 … K
SAMPLES = 64  # targets seen, below which nothing is said about their distribution
LABELS = 1000  # classes; whole numbers beyond are counts


@dataclass(frozen=True, slots=True, kw_only=True)
class LossFault:
    """One pair that does not fit."""

    summary: str
    evidence: Evidence
    change: str
    expect: str
    sure: bool = True  # False: it can be meant, and is only held against a run that does not learn


def loss_faults(run: Run) -> Iterator[LossFault]:
    """Every fault of the pair, the surest first."""
    looks: tuple[Callable[[Run], LossFault | None], ...] = (
        _one_unit,
        _negative,
        _labels_against_columns,
        _labels_as_numbers,
        _squared_probabilities,
    )
    for look in looks:
        found = look(run)
        if found is not None:
            yield found


def _one_unit(run: Run) -> LossFault | None:
    """Softmax over one unit is always 1, and its cross-entropy always 0."""
    if columns(run.manifest) != 1 or run.manifest is None or len(run.manifest.output_shape or ()) != 2:
        return None
    losses = _values(run, "loss", "train")
    silent = loss_kind(run.manifest) == CROSS_ENTROPY and losses.size > 0 and bool((np.abs(losses) < NOTHING).all())
    last = head(run)
    constant = last is not None and last.kind == "softmax" and bool((_values(run, "output_min", "model") == 1).all())
    if not silent and not constant:
        return None
    what = "Cross-entropy" if silent else "A softmax"
    return LossFault(
        summary=f"{what} of one output per sample: the only class has probability 1 whatever the input, so nothing is learned.",
        evidence=Evidence(
            tag="loss/train" if silent else "output_min/model",
            observed=float(losses[-1]) if silent else 1.0,
            sentence="the loss is exactly 0 at every step" if silent else "every output is exactly 1",
        ),
        change="Use one linear output with BCEWithLogitsLoss, or one output per class with CrossEntropyLoss.",
        expect="a loss near ln 2 at the start for two classes, and gradients that are not zero",
    )


def _negative(run: Run) -> LossFault | None:
    """A cross-entropy is never below zero, so what it was given is no probability."""
    kind, losses = loss_kind(run.manifest), _values(run, "loss", "train")
    if kind not in BY_CLASS | BINARY or not losses.size or not median(losses[-max(3, len(losses) // 10) :]) < -NOTHING:
        return None
    if kind == NLL:
        mass, top = _values(run, "log_partition", "model"), _values(run, "output_max", "model")
        if not (persistent(np.abs(mass) > NOT_LOG, SHARE) or persistent(top > NOT_LOG, SHARE)):
            return None
        return LossFault(
            summary="NLLLoss is given outputs that are no log-probabilities: the loss is negative and has no lower bound.",
            evidence=_loss(losses),
            change="End the model with log_softmax, or use CrossEntropyLoss on the outputs as they are.",
            expect="a loss that starts near ln C and falls towards 0, never below",
        )
    low, high = _values(run, "target_min", "train"), _values(run, "target_max", "train")
    if not (persistent(low < -NOTHING, SHARE) or persistent(high > 1 + NOTHING, SHARE)):
        return None
    return LossFault(
        summary=f"{_name(run)} is negative: its targets lie between {median(low):.3g} and {median(high):.3g}, not in [0, 1].",
        evidence=_loss(losses),
        change="Code the targets as 0 and 1; for more than two classes use CrossEntropyLoss with one output per class.",
        expect="a loss that is never negative",
    )


def _labels_against_columns(run: Run) -> LossFault | None:
    """One label a sample, compared with each of the C outputs by distance."""
    classes, manifest = columns(run.manifest), run.manifest
    if manifest is None or classes is None or classes < 2 or loss_kind(manifest) not in BY_DISTANCE:
        return None
    each, top = math.prod((manifest.target_shape or (0, 0))[1:]), _highest_label(run)
    if each != 1 or top is None or not 1 <= top <= classes - 1:
        return None
    return LossFault(
        summary=f"{_name(run)} compares each of {classes} outputs with the number of the class, 0 to {top}.",
        evidence=_whole(run, top),
        change="Use CrossEntropyLoss with integer labels (N,), or one-hot targets of the outputs' shape.",
        expect=f"a loss that starts near ln {classes} = {math.log(classes):.2f} and falls",
    )


def _labels_as_numbers(run: Run) -> LossFault | None:
    """One output fitted to labels 0 … K that occur equally often, as classes of a balanced data set do."""
    manifest, top = run.manifest, _highest_label(run)
    if manifest is None or columns(manifest) != 1 or top is None or top < 2 or not _even(run, top):
        return None
    if loss_kind(manifest) not in BY_DISTANCE or (_values(run, "broadcast", "loss") == 1).any():
        return None
    last = head(run)
    bounded = last is not None and last.kind in BOTH_SIDES
    unit = f"One {last.kind} unit" if bounded and last is not None else "One output"
    return LossFault(
        summary=f"{unit} is fitted by {_name(run)} to whole numbers 0 to {top} that are equally frequent, as class labels are.",
        evidence=_whole(run, top),
        change=f"If they are classes, give the model {top + 1} outputs and use CrossEntropyLoss with integer labels.",
        expect=f"a loss that starts near ln {top + 1} = {math.log(top + 1):.2f} and falls",
        sure=bounded,
    )


def _squared_probabilities(run: Run) -> LossFault | None:
    """Squared error of a softmax against one-hot targets: no gradient to speak of where the softmax is sure and wrong."""
    manifest, classes = run.manifest, columns(run.manifest)
    last = last_called(manifest)
    if manifest is None or classes is None or classes < 3 or loss_kind(manifest) != MSE or last is None:
        return None
    mean = median(_values(run, "target_mean", "train"))
    if last[1] != "softmax" or _highest_label(run) != 1 or not abs(mean * classes - 1) < EVEN:
        return None
    return LossFault(
        summary=f"The squared error of a softmax over {classes} classes: where it is sure and wrong its gradient vanishes.",
        evidence=Evidence(
            tag="target_mean/train", observed=mean, sentence=f"the targets are one-hot: 0 and 1 with mean 1/{classes}"
        ),
        change="Remove the softmax and use CrossEntropyLoss with integer labels.",
        expect="larger gradients at the start, and a loss that leaves the plateau",
        sure=False,
    )


def _highest_label(run: Run) -> int | None:
    """K of floating targets that are all whole numbers from 0 to K; None when they are not."""
    whole, low, high = (_values(run, name, "train") for name in ("target_integer_fraction", "target_min", "target_max"))
    if not whole.size or not (whole == 1).all() or low.min() != 0 or not high.max() <= LABELS:
        return None
    return int(high.max())


def _even(run: Run, top: int) -> bool:
    """Whether mean and variance are those of K + 1 equally frequent labels: K/2 and K(K + 2)/12."""
    mean, variance = _values(run, "target_mean", "train"), _values(run, "target_variance", "train")
    shape = run.manifest.target_shape if run.manifest is not None else None
    if not variance.size or not shape or shape[0] * variance.size < SAMPLES:
        return False
    centre, spread = top / 2, top * (top + 2) / 12
    seen = float(variance.mean())  # within batches; the median of small ones would be too small
    return abs(float(mean.mean()) - centre) < EVEN * centre and abs(seen - spread) < EVEN * spread


def _whole(run: Run, top: int) -> Evidence:
    return Evidence(
        tag="target_integer_fraction/train",
        observed=float(_values(run, "target_integer_fraction", "train")[-1]),
        sentence=f"all targets are whole numbers, from 0 to {top}",
    )


def _loss(losses: Array) -> Evidence:
    last = median(losses[-max(3, len(losses) // 10) :])
    return Evidence(tag="loss/train", observed=last, low=0.0, sentence=f"the loss ends at {last:.3g}; it can be 0 at the least")


def _values(run: Run, measure: str, subject: str) -> Array:
    """The finite values of a series; an empty array when there is none."""
    series = run.scalar(measure, subject)
    return np.empty(0) if series is None else series.value[np.isfinite(series.value)]


def _name(run: Run) -> str:
    return (run.manifest.loss if run.manifest is not None else "") or "the loss"
