"""Trainable parameters that the backward pass never reached."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.sights import GradientSight
from torchvitals.record.subjects import of_optimizer


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingGradient(Instrument[GradientSight]):
    """Parameters in the optimizer whose `.grad` is None: no path leads from the loss to them.

    The count is there on healthy steps, too, so that a rule can tell "none is missing" from "nobody looked". One step proves
    little: experts and conditional branches rest on some steps.
    """

    sight: ClassVar[type] = GradientSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="missing_gradient", unit="", meaning="1 on each step on which a trainable parameter has no gradient"),
        MeasureInfo(name="missing_gradients", unit="parameters", meaning="trainable parameters without a gradient"),
    )

    def measure(self, sight: GradientSight) -> Iterator[Reading]:
        """One scalar for each missing gradient, and their number."""
        for name in sight.missing:
            yield Tag(measure="missing_gradient", subject=name), 1.0
        yield Tag(measure="missing_gradients", subject=of_optimizer(sight.optimizer)), float(len(sight.missing))
