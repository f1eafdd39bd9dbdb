"""NaN and infinity in the gradients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.sights import GradientSight
from torchvitals.record.statistics import nonfinite_count


@dataclass(frozen=True, slots=True, kw_only=True)
class NonfiniteGradients(Instrument[GradientSight]):
    """How many elements of a parameter's gradient are NaN or ±∞."""

    sight: ClassVar[type] = GradientSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="nonfinite_gradients", unit="elements", meaning="NaN and infinite elements of a parameter's gradient"),
    )

    def measure(self, sight: GradientSight) -> Iterator[Reading]:
        """P scalars."""
        for name, tensor in zip(sight.names, sight.gradients, strict=True):
            yield Tag(measure="nonfinite_gradients", subject=name), nonfinite_count(tensor)
