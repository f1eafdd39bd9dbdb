"""What the targets alone allow to predict: the yardstick for "is it learning?"."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Cadence, Instrument, Reading
from torchvitals.record.labels import are_class_indices
from torchvitals.record.sights import LossSight
from torchvitals.record.statistics import share, strided_sample
from torchvitals.record.thinning import spread, thin, widened

SAMPLE = 4096  # targets looked at per step; a batch of segmentation maps holds millions
ELEMENTS = 262_144  # elements of the columns that a variance is taken of
CLASSES = 1000  # the counts of more classes than this (a vocabulary) are not worth their bytes on every step


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets(Instrument[LossSight]):
    """Class counts and their entropy when the targets are class indices, otherwise where floating targets lie.

    The counts of up to 1000 classes are a vector of the log. Several rules come from it without a measure of their own. The
    entropy of the counts added up over the steps is the loss of the best constant prediction. Their largest ratio is the
    imbalance of the classes. And whether the loader shuffles: with the shares p of all steps, a batch of n targets has
    χ² = Σ_c (k_c − n·p_c)²/(n·p_c), about C − 1 over the classes that occur when it was drawn at random; the mean of
    χ²/(C − 1) was at most 1.2 shuffled and at least 14 sorted or in blocks, at batch sizes of 16 to 128.

    `target_entropy` is −Σ p·ln p of this batch's own shares, in nats: for small batches it lies below the entropy of the
    data, by about (C − 1)/2n (Miller, 1955).
    """

    sight: ClassVar[type] = LossSight
    cadence: ClassVar[Cadence] = Cadence.FADING
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="target_class_count", unit="samples", meaning="how often each class is the target in the batch"),
        MeasureInfo(name="target_entropy", unit="nats", meaning="entropy of the classes' shares of the batch's targets"),
        MeasureInfo(name="target_variance", unit="", meaning="variance of the targets over the batch, mean over columns"),
        MeasureInfo(name="target_mean", unit="", meaning="mean of the floating targets of the batch"),
        MeasureInfo(name="target_min", unit="", meaning="smallest of the floating targets of the batch"),
        MeasureInfo(name="target_max", unit="", meaning="largest of the floating targets of the batch"),
        MeasureInfo(
            name="target_integer_fraction",
            unit="fraction",
            meaning="share of the floating targets that are whole numbers; 1 where they are labels",
        ),
    )

    def measure(self, sight: LossSight) -> Iterator[Reading]:
        """A vector of C counts and a scalar, or five scalars; nothing when targets or outputs were not seen."""
        targets, outputs = sight.targets, sight.outputs
        if targets is None or targets.numel() == 0:
            return
        if outputs is not None and are_class_indices(outputs, targets):
            yield from _of_classes(strided_sample(targets, SAMPLE).long(), outputs.shape[min(1, outputs.ndim - 1)])
        elif targets.is_floating_point():
            yield from _of_numbers(targets)


def _of_classes(targets: Tensor, classes: int) -> Iterator[Reading]:
    """Of int64 indices (n,); those that are no class (`ignore_index`) are left out."""
    is_class = (targets >= 0) & (targets < classes)
    if classes <= CLASSES:
        yield Tag(measure="target_class_count", subject="train"), _class_counts(targets, is_class, classes)
    yield Tag(measure="target_entropy", subject="train"), _entropy(targets, is_class)


def _class_counts(targets: Tensor, is_class: Tensor, classes: int) -> Tensor:
    """How often each class occurs among targets (n,), as (C,). Not by bincount, which synchronises with the device."""
    counts = torch.zeros(classes, device=targets.device)
    return counts.scatter_add_(0, targets.clamp(0, classes - 1), is_class.float())


def _entropy(targets: Tensor, is_class: Tensor) -> Tensor:
    """Entropy of the shares of the classes among targets (n,), in nats; NaN when there is no class among them.

    −Σ_c p_c·ln p_c is the mean of −ln p over the targets. Each finds how many equal it by binary search in the sorted row:
    memory and time do not depend on the number of classes.
    """
    row = torch.where(is_class, targets, -1).sort().values
    alike = torch.searchsorted(row, row, right=True) - torch.searchsorted(row, row)
    n = is_class.sum()
    return torch.where(row >= 0, torch.log(n / alike), 0.0).sum() / n


def _of_numbers(targets: Tensor) -> Iterator[Reading]:
    """Where they lie, exactly; of a wide target the variance over evenly spread columns, and the whole numbers among 4096."""
    low, high = torch.aminmax(targets)
    if targets.ndim and targets.shape[0] > 1:
        n = targets.shape[0]
        columns = widened(thin(targets.reshape(n, -1), n, max(1, ELEMENTS // n)))
        yield Tag(measure="target_variance", subject="train"), (spread(columns, dim=0) ** 2).mean() * (n / (n - 1))
    yield Tag(measure="target_mean", subject="train"), targets.mean(dtype=torch.promote_types(targets.dtype, torch.float32))
    yield Tag(measure="target_min", subject="train"), low
    yield Tag(measure="target_max", subject="train"), high
    # An infinite target has no fraction, so that it does not count as whole.
    yield Tag(measure="target_integer_fraction", subject="train"), share(strided_sample(targets, SAMPLE).frac() == 0)
