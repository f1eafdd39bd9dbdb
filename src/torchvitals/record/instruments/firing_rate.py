"""How often each unit of a rectifying activation is on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.sights import ForwardSight
from torchvitals.record.statistics import firing_rate, share

RECTIFIERS = frozenset(
    {"relu", "relu6", "leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "gelu", "silu", "mish", "hardswish"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FiringRate(Instrument[ForwardSight]):
    """f_u = share of samples (and positions) with a_u > 0, per unit or channel; and the share of units with f_u = 0.

    A unit that is silent for one batch is not dead: a rule looks at the same unit over many steps.
    """

    sight: ClassVar[type] = ForwardSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="firing_rate", unit="fraction", meaning="share of the batch on which each unit is above zero"),
        MeasureInfo(name="dead_fraction", unit="fraction", meaning="share of the units above zero for no sample of this batch"),
        MeasureInfo(name="firing_samples", unit="samples", meaning="samples and positions the firing rates were taken over"),
    )

    def measure(self, sight: ForwardSight) -> Iterator[Reading]:
        """A vector of U rates and two scalars, for rectifiers only."""
        if sight.activation not in RECTIFIERS or sight.output.ndim < 2:
            return
        rates = firing_rate(sight.output, sight.unit_dim)
        yield Tag(measure="firing_rate", subject=sight.subject), rates
        yield Tag(measure="dead_fraction", subject=sight.subject), share(rates == 0)
        yield Tag(measure="firing_samples", subject=sight.subject), float(sight.output.numel() // max(rates.numel(), 1))
