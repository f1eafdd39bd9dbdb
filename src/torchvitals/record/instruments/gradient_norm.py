"""How large the gradients are that the optimizer applies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.sights import GradientSight
from torchvitals.record.statistics import norms


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientNorm(Instrument[GradientSight]):
    """‖g_p‖₂ of every parameter, and ‖g‖₂ over all that the optimizer owns."""

    sight: ClassVar[type] = GradientSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="grad_norm", unit="", meaning="L2 norm of a parameter's gradient as the optimizer applies it"),
        MeasureInfo(name="global_grad_norm", unit="", meaning="L2 norm of all gradients the optimizer applies, together"),
    )

    def measure(self, sight: GradientSight) -> Iterator[Reading]:
        """P scalars and one for all."""
        values = norms(sight.gradients)
        for name, value in zip(sight.names, values.unbind(0), strict=True):
            yield Tag(measure="grad_norm", subject=name), value
        owned = [i for i, mine in enumerate(sight.optimized) if mine]
        if owned:
            subject = f"optimizer{sight.optimizer}" if sight.optimizer else "model"
            together = values if len(owned) == len(values) else torch.stack([values[i] for i in owned])
            yield Tag(measure="global_grad_norm", subject=subject), torch.linalg.vector_norm(together)
