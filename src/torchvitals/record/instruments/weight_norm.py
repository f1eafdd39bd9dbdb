"""How large the weights are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.sights import ParameterSight
from torchvitals.record.statistics import norms


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightNorm(Instrument[ParameterSight]):
    """‖p‖₂ of every parameter before the update."""

    sight: ClassVar[type] = ParameterSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="weight_norm", unit="", meaning="L2 norm of a parameter before the update"),
    )

    def measure(self, sight: ParameterSight) -> Iterator[Reading]:
        """P scalars."""
        for name, value in zip(sight.names, norms(sight.parameters).unbind(0), strict=True):
            yield Tag(measure="weight_norm", subject=name), value
