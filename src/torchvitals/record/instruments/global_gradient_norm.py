"""How large the gradient is that the optimizer applies, over all parameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Cadence, Instrument, Reading
from torchvitals.record.l2_norms import l2_norms, together
from torchvitals.record.sights import GradientSight
from torchvitals.record.subjects import of_optimizer


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalGradientNorm(Instrument[GradientSight]):
    """‖g‖₂ over all that the optimizer owns, cheap enough for steps on which nothing else is looked at.

    A single step with an outsized gradient would fall between sampled steps.
    """

    sight: ClassVar[type] = GradientSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="global_grad_norm", unit="", meaning="L2 norm of all gradients the optimizer applies, together"),
    )
    cadence: ClassVar[Cadence] = Cadence.LIGHT

    def measure(self, sight: GradientSight) -> Iterator[Reading]:
        """One scalar; nothing when the optimizer owns none of the gradients."""
        owned = [g for g, mine in zip(sight.gradients, sight.optimized, strict=True) if mine]
        if owned:
            yield Tag(measure="global_grad_norm", subject=of_optimizer(sight.optimizer)), together(l2_norms(owned))
