"""The distribution of the activations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Cadence, Instrument, Reading, Sample
from torchvitals.record.sights import ForwardSight
from torchvitals.record.statistics import SAMPLE, strided_sample


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationHistogram(Instrument[ForwardSight]):
    """A strided sample of a module's output, counted in half-octave bins on both sides of zero."""

    sight: ClassVar[type] = ForwardSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="activations", unit="elements", meaning="distribution of a module's output in half-octave bins"),
    )
    cadence: ClassVar[Cadence] = Cadence.RARE

    def measure(self, sight: ForwardSight) -> Iterator[Reading]:
        """One sample."""
        values = strided_sample(sight.output, SAMPLE).to(torch.float32, copy=True)
        yield Tag(measure="activations", subject=sight.subject), Sample(values=values, size=sight.output.numel())
