"""How the network does on one fixed batch in evaluation mode, and in training mode."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Cadence, Instrument, Reading
from torchvitals.record.sights import ProbeSight


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeLoss(Instrument[ProbeSight]):
    """The loss of the probe batch after the update, in both modes of the same weights.

    `loss/probe` is with dropout off and batch norm on its running statistics, `loss/probe_train` with dropout on and batch
    norm on the statistics of the batch. Both are free of the noise of changing batches, and their ratio is what the modes
    alone make of the network: at most 1.54 in healthy runs with batch norm (batch sizes 2 to 64), 6.3 where a momentum of
    0.001 left the running statistics behind.
    """

    sight: ClassVar[type] = ProbeSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(
            name="loss",
            unit="",
            meaning="loss of the fixed probe batch, in evaluation mode (`probe`) and in training mode (`probe_train`)",
        ),
    )
    cadence: ClassVar[Cadence] = Cadence.RARE

    def measure(self, sight: ProbeSight) -> Iterator[Reading]:
        """Up to two scalars; none when the loss is not known."""
        for subject, loss in (("probe", sight.loss), ("probe_train", sight.training_loss)):
            if loss is not None:
                yield Tag(measure="loss", subject=subject), loss.detach().float().mean()
