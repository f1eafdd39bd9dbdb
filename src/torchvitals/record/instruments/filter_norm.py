"""How large each filter of a convolution is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.filters import filters_of, weight_of
from torchvitals.record.instrument import Cadence, Instrument, Reading
from torchvitals.record.sights import FilterSight


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterNorm(Instrument[FilterSight]):
    """‖w_f‖₂ over the input channels and positions of each filter; of a layer with more than 512, evenly chosen ones."""

    sight: ClassVar[type] = FilterSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="filter_norm", unit="", meaning="L2 norm of each filter of a convolution"),
    )
    cadence: ClassVar[Cadence] = Cadence.SPARSE

    def measure(self, sight: FilterSight) -> Iterator[Reading]:
        """One vector (F,) a convolution, F ≤ 512."""
        for name, module in zip(sight.names, sight.modules, strict=True):
            weight = weight_of(module)
            if weight is not None:
                rows = filters_of(module, weight).flatten(1).float()
                yield Tag(measure="filter_norm", subject=name), torch.linalg.vector_norm(rows, dim=1)
