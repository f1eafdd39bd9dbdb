"""NaN and infinity in the activations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.sights import ForwardSight
from torchvitals.record.statistics import nonfinite_count


@dataclass(frozen=True, slots=True, kw_only=True)
class NonfiniteActivations(Instrument[ForwardSight]):
    """How many elements of a module's output are NaN or ±∞."""

    sight: ClassVar[type] = ForwardSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="nonfinite_activations", unit="elements", meaning="NaN and infinite elements of a module's output"),
    )

    def measure(self, sight: ForwardSight) -> Iterator[Reading]:
        """One scalar."""
        yield Tag(measure="nonfinite_activations", subject=sight.subject), nonfinite_count(sight.output)
