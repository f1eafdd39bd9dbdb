"""How much a recurrent weight can stretch the state at each time step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Cadence, Instrument, Reading
from torchvitals.record.sights import ParameterSight
from torchvitals.record.singular_value import largest_singular_value

BLOCKS = (1, 3, 4)  # H×H blocks of `weight_hh`: RNN, GRU (reset, update, new), LSTM (input, forget, cell, output)
LARGEST = 4 * 2**20  # elements: an LSTM of 1024 units


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurrentSpectralNorm(Instrument[ParameterSight]):
    """The largest σ_max of the square blocks of a `weight_hh`, up to 2 % too low.

    The gradient through time is multiplied by such a block once a step: a plain RNN's explodes above 1 only and fades below 1
    for certain. The gates of an LSTM or GRU bound this, so that there the value compares with itself over the run.
    """

    sight: ClassVar[type] = ParameterSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(
            name="recurrent_spectral_norm", unit="", meaning="largest singular value among the blocks of a recurrent weight"
        ),
    )
    cadence: ClassVar[Cadence] = Cadence.RARE

    def measure(self, sight: ParameterSight) -> Iterator[Reading]:
        """One scalar for each recurrent weight; none for an LSTM with a projection, whose blocks are not square."""
        for name, parameter in zip(sight.names, sight.parameters, strict=True):
            if "weight_hh" not in name or parameter.ndim != 2 or not 0 < parameter.numel() <= LARGEST:
                continue
            rows, width = parameter.shape
            if rows % width == 0 and rows // width in BLOCKS:
                blocks = parameter.detach().float().reshape(-1, width, width).unbind(0)
                largest = torch.stack([largest_singular_value(block) for block in blocks]).amax()
                yield Tag(measure="recurrent_spectral_norm", subject=name), largest
