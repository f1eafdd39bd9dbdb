"""Where the activations of each module lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.sights import ForwardSight
from torchvitals.record.statistics import moments, nonfinite_count

NAMES = ("activation_mean", "activation_std", "activation_rms", "activation_min", "activation_max")
MEANINGS = ("mean", "standard deviation", "root mean square", "smallest value", "largest value")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationMoments(Instrument[ForwardSight]):
    """Mean, standard deviation, root mean square, minimum, maximum and non-finite elements of a module's output."""

    sight: ClassVar[type] = ForwardSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        *(
            MeasureInfo(name=name, unit="", meaning=f"{meaning} of a module's output over the batch")
            for name, meaning in zip(NAMES, MEANINGS, strict=True)
        ),
        MeasureInfo(name="nonfinite_activations", unit="elements", meaning="NaN and infinite elements of a module's output"),
    )

    def measure(self, sight: ForwardSight) -> Iterator[Reading]:
        """Six scalars."""
        mean, std, rms, low, high = moments(sight.output).unbind(0)
        for name, value in zip(NAMES, (mean, std, rms, low, high), strict=True):
            yield Tag(measure=name, subject=sight.subject), value
        yield Tag(measure="nonfinite_activations", subject=sight.subject), nonfinite_count(sight.output, rms)
