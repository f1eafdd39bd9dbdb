"""What the targets alone allow to predict: the yardstick for "is it learning?"."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.sights import LossSight
from torchvitals.record.statistics import strided_sample

SAMPLE = 4096  # targets looked at per step; a batch of segmentation maps holds millions


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets(Instrument[LossSight]):
    """Class counts when the targets are class indices, otherwise the variance over the batch, averaged over columns."""

    sight: ClassVar[type] = LossSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="target_class_count", unit="samples", meaning="how often each class is the target in the batch"),
        MeasureInfo(name="target_variance", unit="", meaning="variance of the targets over the batch, mean over columns"),
    )

    def measure(self, sight: LossSight) -> Iterator[Reading]:
        """A vector of C counts, or one variance; nothing when targets or outputs were not seen."""
        targets, outputs = sight.targets, sight.outputs
        if targets is None or targets.numel() == 0:
            return
        if outputs is not None and _are_class_indices(outputs, targets):
            classes = outputs.shape[1] if outputs.ndim > 1 else outputs.shape[0]
            yield Tag(measure="target_class_count", subject="train"), _class_counts(strided_sample(targets, SAMPLE), classes)
        elif targets.is_floating_point() and targets.ndim and targets.shape[0] > 1:
            columns = targets.detach().float().reshape(targets.shape[0], -1)
            yield Tag(measure="target_variance", subject="train"), columns.var(dim=0).mean()


def _class_counts(targets: Tensor, classes: int) -> Tensor:
    """How often each class occurs, as (C,); indices that are no class (`ignore_index`) are left out.

    Not by bincount, which synchronises with the device, nor by comparing with every class, which for the vocabulary of a
    language model would take hundreds of megabytes.
    """
    is_class = (targets >= 0) & (targets < classes)
    counts = torch.zeros(classes, device=targets.device)
    return counts.scatter_add_(0, targets.long().clamp(0, classes - 1), is_class.float())


def _are_class_indices(outputs: Tensor, targets: Tensor) -> bool:
    """Integer targets with one dimension less than the outputs: (N, C) with (N,), (N, C, H, W) with (N, H, W)."""
    integer = not targets.is_floating_point() and not targets.is_complex() and targets.dtype != torch.bool
    return integer and outputs.ndim == targets.ndim + 1
