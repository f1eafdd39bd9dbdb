"""Whether Adam's ε decides the step instead of the gradient."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Cadence, Instrument, Reading
from torchvitals.record.second_moments import SecondMoment, second_moments
from torchvitals.record.sights import OptimizerSight
from torchvitals.record.statistics import strided_sample

SAMPLE = 4096  # elements looked at: a share is off by at most 1/(2√4096) ≈ 0.8 %
NEAR = 10.0  # √v̂ below this many ε: ε then takes more than 1/11 off the step


@dataclass(frozen=True, slots=True, kw_only=True)
class AdamEpsilon(Instrument[OptimizerSight]):
    """Share of the entries with √v̂ < 10·ε, among those that ever had a gradient.

    Adam's step is lr·m̂/(√v̂ + ε). Where ε outweighs √v̂, the step shrinks with the gradient, and the optimizer is plain
    gradient descent with a rate of lr/ε. Untouched entries (v = 0: rows of an embedding, dead units) do not count; a
    parameter of which all are untouched reads 0. With AMSGrad v is the running maximum, as in the step itself.
    """

    sight: ClassVar[type] = OptimizerSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(
            name="epsilon_dominated_fraction", unit="fraction", meaning="share of Adam's second moments below ten times epsilon"
        ),
    )
    cadence: ClassVar[Cadence] = Cadence.RARE

    def measure(self, sight: OptimizerSight) -> Iterator[Reading]:
        """One scalar for each parameter with a second moment."""
        for moment in second_moments(sight.value, sight.names):
            yield Tag(measure="epsilon_dominated_fraction", subject=moment.name), _dominated(moment)


def _dominated(moment: SecondMoment) -> Tensor:
    v = strided_sample(moment.average if moment.largest is None else moment.largest, SAMPLE).float()
    touched = v > 0
    near = (v / moment.correction()).sqrt() < NEAR * moment.eps
    return (near & touched).sum() / touched.sum().clamp(min=1)
