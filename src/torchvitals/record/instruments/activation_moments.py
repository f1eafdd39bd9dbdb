"""Where the activations of each module lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.sights import ForwardSight
from torchvitals.record.statistics import moments

NAMES = ("activation_mean", "activation_std", "activation_rms", "activation_min", "activation_max")
MEANINGS = ("mean", "standard deviation", "root mean square", "smallest value", "largest value")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationMoments(Instrument[ForwardSight]):
    """Mean, standard deviation, root mean square, minimum and maximum of a module's output over the whole batch."""

    sight: ClassVar[type] = ForwardSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = tuple(
        MeasureInfo(name=name, unit="", meaning=f"{meaning} of a module's output over the batch")
        for name, meaning in zip(NAMES, MEANINGS, strict=True)
    )

    def measure(self, sight: ForwardSight) -> Iterator[Reading]:
        """Five scalars."""
        for name, value in zip(NAMES, moments(sight.output).unbind(0), strict=True):
            yield Tag(measure=name, subject=sight.subject), value
