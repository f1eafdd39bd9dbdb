"""Where the inputs of the network lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Cadence, Instrument, Reading
from torchvitals.record.sights import InputSight
from torchvitals.record.statistics import moments, nonfinite_count

NAMES = ("input_mean", "input_std", "input_rms", "input_min", "input_max")
MEANINGS = ("mean", "standard deviation", "root mean square", "smallest value", "largest value")


@dataclass(frozen=True, slots=True, kw_only=True)
class InputMoments(Instrument[InputSight]):
    """Mean, standard deviation, root mean square, minimum, maximum and non-finite elements of the model's first input."""

    sight: ClassVar[type] = InputSight
    cadence: ClassVar[Cadence] = Cadence.FADING
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        *(
            MeasureInfo(name=name, unit="", meaning=f"{meaning} of the model's input over the batch")
            for name, meaning in zip(NAMES, MEANINGS, strict=True)
        ),
        MeasureInfo(name="nonfinite_inputs", unit="elements", meaning="NaN and infinite elements of the model's input"),
    )

    def measure(self, sight: InputSight) -> Iterator[Reading]:
        """Six scalars; none for integer inputs such as token ids."""
        if not sight.inputs.is_floating_point() or sight.inputs.numel() == 0:
            return
        mean, std, rms, low, high = moments(sight.inputs).unbind(0)
        for name, value in zip(NAMES, (mean, std, rms, low, high), strict=True):
            yield Tag(measure=name, subject="model"), value
        yield Tag(measure="nonfinite_inputs", subject="model"), nonfinite_count(sight.inputs, rms)
