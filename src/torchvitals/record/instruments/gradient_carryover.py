"""Gradients left over from the step before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.sights import CarryoverSight


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientCarryover(Instrument[CarryoverSight]):
    """Norm of what `.grad` already held when the first backward pass of an optimizer step reached it.

    Exactly zero when the loop clears its gradients anywhere between the last step and this backward pass; later backward
    passes of the same step (accumulation) do not count.
    """

    sight: ClassVar[type] = CarryoverSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(
            name="gradient_carryover",
            unit="",
            meaning="L2 norm of the gradients already present when the step's backward starts",
        ),
    )

    def measure(self, sight: CarryoverSight) -> Iterator[Reading]:
        """One scalar over the watched parameters."""
        tag = Tag(measure="gradient_carryover", subject="model")
        yield tag, torch.linalg.vector_norm(torch.stack(list(sight.norms))) if sight.norms else 0.0
