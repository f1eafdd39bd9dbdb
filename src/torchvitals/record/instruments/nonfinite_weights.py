"""NaN and infinity in the weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Cadence, Instrument, Reading
from torchvitals.record.l2_norms import by_device, l2_norms
from torchvitals.record.sights import ParameterSight
from torchvitals.record.statistics import nonfinite_counts


@dataclass(frozen=True, slots=True, kw_only=True)
class NonfiniteWeights(Instrument[ParameterSight]):
    """How many elements of a parameter are NaN or ±∞. That there are any shows first in `weight_norm` and the gradients."""

    sight: ClassVar[type] = ParameterSight
    cadence: ClassVar[Cadence] = Cadence.FADING
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="nonfinite_weights", unit="elements", meaning="NaN and infinite elements of a parameter"),
    )

    def measure(self, sight: ParameterSight) -> Iterator[Reading]:
        """P scalars."""
        for positions in by_device(sight.parameters).values():
            tensors = [sight.parameters[i] for i in positions]
            counts = nonfinite_counts(tensors, torch.stack(l2_norms(tensors)))
            for i, count in zip(positions, counts.unbind(0), strict=True):
                yield Tag(measure="nonfinite_weights", subject=sight.names[i]), count
