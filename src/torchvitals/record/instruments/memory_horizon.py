"""How far back in time the loss reaches through a recurrent network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Cadence, Instrument, Reading
from torchvitals.record.recurrent import excerpt, sequence_gradient_norms
from torchvitals.record.sights import RecurrentSight

GONE = 0.01  # of the largest norm: less than a hundredth of the signal is taken for none


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryHorizon(Instrument[RecurrentSight]):
    """‖∂L/∂x_t‖ for every time step, and the number of steps back until it falls to 1 % of its largest value.

    Gradients of the weights sum over time and hide a signal that does not come through; the gradient of the inputs shows it
    step by step (Bengio, Simard and Frasconi 1994; Pascanu, Mikolov and Bengio 2013). Steps after the last one above 1 %,
    as padding, are not counted.
    """

    sight: ClassVar[type] = RecurrentSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(
            name="sequence_grad_norm", unit="", meaning="L2 norm of the loss's gradient for the input of each time step"
        ),
        MeasureInfo(
            name="memory_horizon",
            unit="time steps",
            meaning="steps back until the input's gradient falls to 1 % of its largest",
        ),
        MeasureInfo(
            name="memory_horizon_fraction",
            unit="fraction",
            meaning="memory horizon over the length of the sequence; 1 when the gradient does not fall that far",
        ),
    )
    cadence: ClassVar[Cadence] = Cadence.RARE

    def measure(self, sight: RecurrentSight) -> Iterator[Reading]:
        """One vector and two scalars; NaN where all gradients are zero or one is not finite."""
        part = excerpt(sight)
        if part is None:
            return
        norms = sequence_gradient_norms(part)
        horizon, whole = memory_horizon(norms)
        yield Tag(measure="sequence_grad_norm", subject=sight.subject), norms
        yield Tag(measure="memory_horizon", subject=sight.subject), horizon
        fraction = torch.where(whole & horizon.isfinite(), 1.0, horizon / part.steps)
        yield Tag(measure="memory_horizon_fraction", subject=sight.subject), fraction


def memory_horizon(norms: Tensor) -> tuple[Tensor, Tensor]:
    """Length of the last run of norms (T,) above 1 % of their largest, and whether it begins at the first; both 0-d."""
    largest = norms.max()
    above = (norms > GONE * largest).flip(0)
    started = above.cumsum(0) > 0
    running = started & ((started & ~above).cumsum(0) == 0)
    defined = (largest > 0) & largest.isfinite()
    return torch.where(defined, running.sum().float(), torch.nan), running[-1]
