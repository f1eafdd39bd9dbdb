"""The learning rate in force."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.sights import OptimizerSight


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningRate(Instrument[OptimizerSight]):
    """η of every parameter group, as the scheduler left it for this step."""

    sight: ClassVar[type] = OptimizerSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="learning_rate", unit="", meaning="learning rate of a parameter group at this step"),
    )

    def measure(self, sight: OptimizerSight) -> Iterator[Reading]:
        """One scalar a group."""
        prefix = f"optimizer{sight.optimizer}." if sight.optimizer else ""
        for i, group in enumerate(sight.value.param_groups):
            rate = group.get("lr")
            if rate is not None:
                # A tensor learning rate (capturable optimizers) may change in place before the frame is read.
                value = rate.detach().float().clone().reshape(()) if isinstance(rate, Tensor) else float(rate)
                yield Tag(measure="learning_rate", subject=f"{prefix}group{i}"), value
