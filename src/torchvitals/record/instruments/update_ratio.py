"""How far one optimizer step moves each parameter, relative to its size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.sights import UpdateSight
from torchvitals.record.statistics import norms


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateRatio(Instrument[UpdateSight]):
    """‖Δp‖₂ / ‖p‖₂ from the weights before and after the step, not from lr·‖g‖, which Adam and decay make wrong.

    A parameter that is all zeros before the step has no relative change; its ratio is 0 when it stays so and ∞ otherwise.
    """

    sight: ClassVar[type] = UpdateSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="update_ratio", unit="fraction", meaning="measured change of a parameter in one step over its norm"),
    )

    def measure(self, sight: UpdateSight) -> Iterator[Reading]:
        """P scalars."""
        sizes = norms(sight.before)
        # The copies taken before the step are ours: subtract into them instead of allocating once more.
        torch._foreach_sub_(list(sight.before), [p.detach() for p in sight.after])
        moved = norms(sight.before)
        ratios = torch.where(moved == 0, moved, moved / sizes)
        for name, value in zip(sight.names, ratios.unbind(0), strict=True):
            yield Tag(measure="update_ratio", subject=name), value
