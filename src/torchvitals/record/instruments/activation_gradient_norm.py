"""How large the gradient is that reaches the output of each module."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.sights import ActivationGradientSight


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationGradientNorm(Instrument[ActivationGradientSight]):
    """‖∂L/∂a‖₂ of every module's output a, over the whole batch.

    The gradient of a weight mixes this with the size of the layer's input; this one alone tells how the error signal grows or
    fades on its way back.
    """

    sight: ClassVar[type] = ActivationGradientSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(
            name="activation_grad_norm", unit="", meaning="L2 norm of the loss's gradient with respect to a module's output"
        ),
    )

    def measure(self, sight: ActivationGradientSight) -> Iterator[Reading]:
        """One scalar a module."""
        for subject, norm in zip(sight.subjects, sight.norms, strict=True):
            yield Tag(measure="activation_grad_norm", subject=subject), norm.detach().to(torch.float32, copy=True)
