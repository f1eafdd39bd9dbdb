"""Updates that half precision rounds away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.sights import UpdateSight
from torchvitals.record.statistics import strided_sample

HALF = (torch.float16, torch.bfloat16)
SAMPLE = 16_384  # elements looked at: a share is off by at most 1/(2√16384) ≈ 0.4 %


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundedUpdates(Instrument[UpdateSight]):
    """Share, among the elements with a gradient, of those that did not move, for weights kept in half precision.

    A bfloat16 has 8 significant bits: a weight w stays where it is when the step is below about |w|/512, a float16 one below
    |w|/4096. Elements without a gradient are left out, since rows of an embedding rest for a good reason.
    """

    sight: ClassVar[type] = UpdateSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(
            name="rounded_updates",
            unit="fraction",
            meaning="share of half-precision weights that a gradient did not move",
        ),
    )

    def measure(self, sight: UpdateSight) -> Iterator[Reading]:
        """One scalar for each parameter in half precision that has a gradient."""
        for name, delta, gradient in zip(sight.names, sight.deltas, sight.gradients, strict=True):
            if delta.dtype not in HALF or gradient is None or gradient.numel() != delta.numel() or delta.numel() == 0:
                continue
            pulled = strided_sample(gradient.detach(), SAMPLE) != 0
            stood = strided_sample(delta.detach(), SAMPLE) == 0
            yield Tag(measure="rounded_updates", subject=name), (pulled & stood).sum() / pulled.sum().clamp(min=1)
