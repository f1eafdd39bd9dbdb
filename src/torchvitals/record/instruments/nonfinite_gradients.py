"""NaN and infinity in the gradients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.l2_norms import by_device, l2_norms
from torchvitals.record.sights import GradientSight
from torchvitals.record.statistics import nonfinite_counts


@dataclass(frozen=True, slots=True, kw_only=True)
class NonfiniteGradients(Instrument[GradientSight]):
    """How many elements of a parameter's gradient are NaN or ±∞."""

    sight: ClassVar[type] = GradientSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="nonfinite_gradients", unit="elements", meaning="NaN and infinite elements of a parameter's gradient"),
    )

    def measure(self, sight: GradientSight) -> Iterator[Reading]:
        """P scalars."""
        for positions in by_device(sight.gradients).values():
            tensors = [sight.gradients[i] for i in positions]
            counts = nonfinite_counts(tensors, torch.stack(l2_norms(tensors)))
            for i, count in zip(positions, counts.unbind(0), strict=True):
                yield Tag(measure="nonfinite_gradients", subject=sight.names[i]), count
