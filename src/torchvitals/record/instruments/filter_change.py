"""How far each filter of a convolution has come from where it started."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.filters import filters_of, sketch_of, weight_of
from torchvitals.record.instrument import Cadence, Instrument, Reading
from torchvitals.record.sights import FilterSight


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterChange(Instrument[FilterSight]):
    """‖w_f − w_f⁰‖ / ‖w_f⁰‖ of each filter, w⁰ being the weights at the first sampled step of this recording.

    By at most 4,096 elements a layer: with 64 filters 64 elements each, by which a ratio is off by 1/√(2·64) = 9 %. A filter
    that started at zero has no such ratio (NaN). Of a layer with more than 512 filters, evenly chosen ones.
    """

    sight: ClassVar[type] = FilterSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(
            name="filter_change", unit="", meaning="distance of each filter from its first weights, in units of their norm"
        ),
    )
    cadence: ClassVar[Cadence] = Cadence.SPARSE

    def measure(self, sight: FilterSight) -> Iterator[Reading]:
        """One vector (F,) a convolution, F ≤ 512."""
        for name, module, first in zip(sight.names, sight.modules, sight.first, strict=True):
            weight = weight_of(module)
            if weight is not None:
                now = sketch_of(filters_of(module, weight))
                if now.shape == first.shape:  # layers can be given other weights
                    yield Tag(measure="filter_change", subject=name), _relative(now, first.to(now.device, non_blocking=True))


def _relative(now: Tensor, first: Tensor) -> Tensor:
    """‖now − first‖/‖first‖ of each row, NaN where it was zero."""
    size: Tensor = torch.linalg.vector_norm(first, dim=1)
    return torch.where(size == 0, torch.nan, torch.linalg.vector_norm(now - first, dim=1) / size)
