"""How much a weight matrix can stretch what goes through it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Cadence, Instrument, Reading
from torchvitals.record.sights import ParameterSight
from torchvitals.record.singular_value import largest_singular_value

LARGEST = 4 * 2**20  # elements; a larger matrix would take more than a tenth of a second on a CPU


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectralNorm(Instrument[ParameterSight]):
    """σ_max(W), up to 2 % too low; of a convolution that of its weight as a matrix (out, in·k·k).

    The latter is no more than the convolution's own norm, which the overlap of the windows can raise by up to √(k·k).
    """

    sight: ClassVar[type] = ParameterSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="spectral_norm", unit="", meaning="largest singular value of a weight, as a matrix of its rows"),
    )
    cadence: ClassVar[Cadence] = Cadence.SPARSE

    def measure(self, sight: ParameterSight) -> Iterator[Reading]:
        """One scalar for each floating parameter of two dimensions or more, up to `LARGEST` elements."""
        for name, parameter in zip(sight.names, sight.parameters, strict=True):
            if parameter.is_floating_point() and parameter.ndim >= 2 and 0 < parameter.numel() <= LARGEST:
                matrix = parameter.detach().flatten(1).float()
                yield Tag(measure="spectral_norm", subject=name), largest_singular_value(matrix)
