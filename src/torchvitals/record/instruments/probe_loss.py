"""How the network does on one fixed batch in evaluation mode."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.sights import ProbeSight


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeLoss(Instrument[ProbeSight]):
    """The loss of the probe batch after the update, with dropout off and batch norm on its running statistics.

    Against the training loss it shows what the two modes make of the same network, free of the noise of the batches.
    """

    sight: ClassVar[type] = ProbeSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="loss", unit="", meaning="training loss of a step, or the probe's loss in evaluation mode"),
    )
    rare: ClassVar[bool] = True

    def measure(self, sight: ProbeSight) -> Iterator[Reading]:
        """One scalar; nothing when the loss is not known."""
        if sight.loss is not None:
            yield Tag(measure="loss", subject="probe"), sight.loss.detach().float().mean()
