"""How large the weights are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.l2_norms import l2_norms
from torchvitals.record.sights import ParameterSight


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightNorm(Instrument[ParameterSight]):
    """‖p‖₂ of every parameter before the update."""

    sight: ClassVar[type] = ParameterSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="weight_norm", unit="", meaning="L2 norm of a parameter before the update"),
    )

    def measure(self, sight: ParameterSight) -> Iterator[Reading]:
        """P scalars."""
        for name, value in zip(sight.names, l2_norms(sight.parameters), strict=True):
            yield Tag(measure="weight_norm", subject=name), value
