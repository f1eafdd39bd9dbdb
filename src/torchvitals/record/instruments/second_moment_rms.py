"""Whether Adam's memory of the gradients is out of date."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, optim

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Cadence, Instrument, Reading
from torchvitals.record.second_moments import SecondMoment, second_moments
from torchvitals.record.sights import OptimizerSight
from torchvitals.record.statistics import strided_sample

SAMPLE = 4096  # elements looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondMomentRms(Instrument[OptimizerSight]):
    """RMS_t = √mean(g²/max(v̂, ε²)) with the g and v̂ of the step about to be taken (Wortsman et al. 2023, arXiv 2304.13013).

    Near 1 while v̂ follows the gradients. Above it the gradients have grown faster than v̂ could, so that the step is longer
    than Adam's lr. v̂ is computed here as the step will: v ← β₂v + (1−β₂)g², over 1 − β₂ᵗ. Weight decay that is added to the
    gradient (Adam, not AdamW) is left out. Sparse gradients, which visit a row now and then, are not looked at.
    """

    sight: ClassVar[type] = OptimizerSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(
            name="second_moment_rms",
            unit="",
            meaning="root mean square of a gradient over Adam's estimate of it",
        ),
    )
    cadence: ClassVar[Cadence] = Cadence.RARE

    def measure(self, sight: OptimizerSight) -> Iterator[Reading]:
        """One scalar for each parameter with a second moment and a dense gradient."""
        for moment in second_moments(sight.value, sight.names):
            gradient = moment.parameter.grad
            if gradient is not None and gradient.layout == torch.strided:
                g = _unscaled(strided_sample(gradient.detach(), SAMPLE).float(), sight.value)
                yield Tag(measure="second_moment_rms", subject=moment.name), _rms(g, moment)


def _unscaled(g: Tensor, optimizer: optim.Optimizer) -> Tensor:
    """Fused optimizers divide by the gradient scaler's factor inside their step."""
    scale = getattr(optimizer, "grad_scale", None)
    return g if scale is None else g / scale


def _rms(g: Tensor, moment: SecondMoment) -> Tensor:
    """RMS_t of a sample g (n,), as a 0-d tensor."""
    v = strided_sample(moment.average, SAMPLE).float()
    v = moment.beta2 * v + (1 - moment.beta2) * g.square()
    if moment.largest is not None:
        v = torch.maximum(v, strided_sample(moment.largest, SAMPLE).float())
    # √v̂ against ε, not v̂ against ε²: the square of a usual ε of 1e-8 has next to no digits left in float32.
    size: Tensor = torch.linalg.vector_norm(g / (v / moment.correction(1)).sqrt().clamp(min=moment.eps))
    return size / math.sqrt(g.numel())
