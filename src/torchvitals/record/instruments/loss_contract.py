"""Whether outputs and targets fit together as the loss was given them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from math import prod
from typing import ClassVar

import torch
from torch import Tensor

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.sights import LossSight
from torchvitals.record.statistics import share, strided_sample

SAMPLE = 4096  # targets compared with the range of the outputs


@dataclass(frozen=True, slots=True, kw_only=True)
class LossContract(Instrument[LossSight]):
    """Sizes of outputs and targets, and of floating targets whether their range is within the outputs'.

    (B, 1) outputs against (B,) targets make (B, B) differences: each output is then pulled to the mean of all targets, and
    the loss ends at their variance. Targets outside the outputs' range in a single batch are common early in training; a
    rule wants them over many steps, in which a final sigmoid, tanh or rectifier cannot reach them.
    """

    sight: ClassVar[type] = LossSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(
            name="output_target_ratio",
            unit="",
            meaning="number of outputs over number of targets in the loss; the number of classes for class indices",
        ),
        MeasureInfo(
            name="broadcast",
            unit="",
            meaning="1 when the shapes of outputs and targets differ and spread to more elements than either has, else 0",
        ),
        MeasureInfo(
            name="targets_outside_outputs",
            unit="fraction",
            meaning="share of the floating targets below the smallest or above the largest output of the batch",
        ),
    )

    def measure(self, sight: LossSight) -> Iterator[Reading]:
        """One scalar, two more for floating targets; nothing when outputs or targets were not seen, or are empty."""
        outputs, targets = sight.outputs, sight.targets
        if outputs is None or targets is None or outputs.numel() == 0 or targets.numel() == 0:
            return
        yield Tag(measure="output_target_ratio", subject="loss"), outputs.numel() / targets.numel()
        if targets.is_floating_point() and outputs.is_floating_point():
            yield Tag(measure="broadcast", subject="loss"), float(_spread_out(tuple(outputs.shape), tuple(targets.shape)))
            yield Tag(measure="targets_outside_outputs", subject="train"), _outside(outputs, targets)


def _spread_out(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Whether broadcasting two shapes makes more elements than either has; False when they cannot be broadcast."""
    pairs = list(zip_longest(reversed(a), reversed(b), fillvalue=1))
    if any(m != n and 1 not in (m, n) for m, n in pairs):
        return False
    return prod(max(pair) for pair in pairs) > max(prod(a), prod(b))


def _outside(outputs: Tensor, targets: Tensor) -> Tensor:
    """Share of the targets outside [min, max] of the outputs, as a 0-d tensor; NaN when an output is NaN."""
    low, high = torch.aminmax(outputs)
    few = strided_sample(targets, SAMPLE).to(outputs.device)
    return torch.where(low.isnan(), torch.nan, share((few < low) | (few > high)))
