"""How much of a bounded activation sits in its flat zones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.sights import ForwardSight
from torchvitals.record.statistics import share

# Flat zones by kind. tanh beyond ±0.97 has a derivative below 0.06 (the counting line of Karpathy's makemore lecture);
# sigmoid outside [0.01, 0.99] one below 0.01.
FLAT: dict[str, tuple[float, float]] = {
    "sigmoid": (0.01, 0.99),
    "hardsigmoid": (0.0, 1.0),
    "tanh": (-0.97, 0.97),
    "hardtanh": (-1.0, 1.0),
    "softsign": (-0.97, 0.97),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SaturatedFraction(Instrument[ForwardSight]):
    """Share of the outputs at or beyond the flat zones of that very activation; a Linear layer has none."""

    sight: ClassVar[type] = ForwardSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(
            name="saturated_fraction", unit="fraction", meaning="share of a bounded activation's outputs in its flat zones"
        ),
    )

    def measure(self, sight: ForwardSight) -> Iterator[Reading]:
        """One scalar, for bounded activations only."""
        if sight.activation not in FLAT:
            return
        low, high = FLAT[sight.activation]
        flat = (sight.output <= low) | (sight.output >= high)
        yield Tag(measure="saturated_fraction", subject=sight.subject), share(flat)
