"""How far one optimizer step moves each parameter, relative to its size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.l2_norms import by_device, l2_norms
from torchvitals.record.sights import UpdateSight


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
        norms = l2_norms(sight.deltas)
        for positions in by_device(norms).values():
            moved = torch.stack([norms[i] for i in positions])
            ratios = moved / torch.stack([sight.sizes[i].float() for i in positions])
            for i, value in zip(positions, torch.where(moved == 0, moved, ratios).unbind(0), strict=True):
                yield Tag(measure="update_ratio", subject=sight.names[i]), value
