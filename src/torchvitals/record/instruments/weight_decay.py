"""The weight decay in force."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.sights import OptimizerSight
from torchvitals.record.subjects import of_group


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightDecay(Instrument[OptimizerSight]):
    """λ of every parameter group that has one; a group without decay yields nothing."""

    sight: ClassVar[type] = OptimizerSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="weight_decay", unit="", meaning="weight decay of a parameter group at this step"),
    )

    def measure(self, sight: OptimizerSight) -> Iterator[Reading]:
        """One scalar a group."""
        for i, group in enumerate(sight.value.param_groups):
            decay = group.get("weight_decay")
            tag = Tag(measure="weight_decay", subject=of_group(sight.optimizer, i))
            if isinstance(decay, Tensor):  # whether it is zero is not known on the host
                yield tag, decay.detach().to(torch.float32, copy=True).reshape(())
            elif decay:
                yield tag, float(decay)
