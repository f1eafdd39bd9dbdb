"""How the gradient scaler of mixed precision fares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.sights import ScalerSight


@dataclass(frozen=True, slots=True, kw_only=True)
class LossScale(Instrument[ScalerSight]):
    """The factor on the loss, and the steps skipped because a scaled gradient overflowed.

    PyTorch's scaler starts at 65536, halves the factor at each overflow and doubles it after 2000 steps without one: some
    skipped steps at the start are its calibration.
    """

    sight: ClassVar[type] = ScalerSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="loss_scale", unit="", meaning="factor that the gradient scaler puts on the loss"),
        MeasureInfo(name="skipped_steps", unit="steps", meaning="optimizer steps skipped since the last reading"),
    )

    def measure(self, sight: ScalerSight) -> Iterator[Reading]:
        """Two scalars."""
        yield Tag(measure="loss_scale", subject="model"), sight.scale.detach().to(torch.float32, copy=True)
        yield Tag(measure="skipped_steps", subject="model"), sight.skipped.detach().to(torch.float32, copy=True)
