"""The distribution of the gradients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Cadence, Instrument, Reading, Sample
from torchvitals.record.sights import GradientSight
from torchvitals.record.statistics import SAMPLE, strided_sample


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientHistogram(Instrument[GradientSight]):
    """A strided sample of a parameter's gradient, counted in half-octave bins on both sides of zero."""

    sight: ClassVar[type] = GradientSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="gradients", unit="elements", meaning="distribution of a parameter's gradient in half-octave bins"),
    )
    cadence: ClassVar[Cadence] = Cadence.RARE

    def measure(self, sight: GradientSight) -> Iterator[Reading]:
        """P samples."""
        for name, tensor in zip(sight.names, sight.gradients, strict=True):
            values = strided_sample(tensor, SAMPLE).to(torch.float32, copy=True)
            yield Tag(measure="gradients", subject=name), Sample(values=values, size=tensor.numel())
