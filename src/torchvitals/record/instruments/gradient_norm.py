"""How large the gradient of each parameter is that the optimizer applies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.l2_norms import l2_norms
from torchvitals.record.sights import GradientSight


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientNorm(Instrument[GradientSight]):
    """‖g_p‖₂ of every parameter."""

    sight: ClassVar[type] = GradientSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="grad_norm", unit="", meaning="L2 norm of a parameter's gradient as the optimizer applies it"),
    )

    def measure(self, sight: GradientSight) -> Iterator[Reading]:
        """P scalars."""
        for name, value in zip(sight.names, l2_norms(sight.gradients), strict=True):
            yield Tag(measure="grad_norm", subject=name), value
