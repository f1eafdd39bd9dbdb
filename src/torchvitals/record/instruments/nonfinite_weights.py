"""NaN and infinity in the weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.sights import ParameterSight
from torchvitals.record.statistics import nonfinite_count


@dataclass(frozen=True, slots=True, kw_only=True)
class NonfiniteWeights(Instrument[ParameterSight]):
    """How many elements of a parameter are NaN or ±∞."""

    sight: ClassVar[type] = ParameterSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="nonfinite_weights", unit="elements", meaning="NaN and infinite elements of a parameter"),
    )

    def measure(self, sight: ParameterSight) -> Iterator[Reading]:
        """P scalars."""
        for name, tensor in zip(sight.names, sight.parameters, strict=True):
            yield Tag(measure="nonfinite_weights", subject=name), nonfinite_count(tensor)
