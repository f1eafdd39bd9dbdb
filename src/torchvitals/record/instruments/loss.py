"""The training loss."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Cadence, Instrument, Reading
from torchvitals.record.sights import LossSight

TRAIN = Tag(measure="loss", subject="train")


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss(Instrument[LossSight]):
    """L as the loop computed it; the mean where the loss was not reduced to one number."""

    sight: ClassVar[type] = LossSight
    cadence: ClassVar[Cadence] = Cadence.LIGHT
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="loss", unit="", meaning="training loss of the step's last forward pass"),
    )

    def measure(self, sight: LossSight) -> Iterator[Reading]:
        """One scalar."""
        loss = sight.loss.detach().float()
        # A copy: the loop may change its loss in place (`loss /= k`) before the frame is read.
        yield TRAIN, (loss.clone() if loss.ndim == 0 else loss.mean())
