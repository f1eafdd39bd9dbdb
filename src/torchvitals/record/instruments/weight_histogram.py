"""The distribution of the weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Cadence, Instrument, Reading, Sample
from torchvitals.record.sights import ParameterSight
from torchvitals.record.statistics import SAMPLE, strided_sample


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightHistogram(Instrument[ParameterSight]):
    """A strided sample of a parameter, counted in half-octave bins on both sides of zero."""

    sight: ClassVar[type] = ParameterSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="weights", unit="elements", meaning="distribution of a parameter in half-octave bins"),
    )
    cadence: ClassVar[Cadence] = Cadence.RARE

    def measure(self, sight: ParameterSight) -> Iterator[Reading]:
        """P samples."""
        for name, tensor in zip(sight.names, sight.parameters, strict=True):
            values = strided_sample(tensor, SAMPLE).to(torch.float32, copy=True)
            yield Tag(measure="weights", subject=name), Sample(values=values, size=tensor.numel())
