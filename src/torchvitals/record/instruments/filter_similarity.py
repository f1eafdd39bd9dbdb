"""Whether two filters of a convolution look for the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.filters import filter_step, filters_of, weight_of
from torchvitals.record.instrument import Cadence, Instrument, Reading
from torchvitals.record.sights import FilterSight
from torchvitals.record.thinning import thin

COLUMNS = 512  # elements of a filter that are compared: a cosine of 0.98 is off by 0.04/√512 = 0.002
# Two independent directions are within |cos| > 0.98 with a chance of 13 % in 2 dimensions, 2 % in 3, 0.3 % in 4.
LEAST_COLUMNS = 4
TINY = torch.finfo(torch.float32).tiny


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterSimilarity(Instrument[FilterSight]):
    """max over g ≠ f of |cos(w_f, w_g)|: near 1 when another filter computes the same, but for its size and sign.

    Filters are compared with those that see the same input channels: within their group, so that a depthwise convolution has
    none to compare. A filter of zeros resembles none (0); one with a NaN has no direction (NaN). Of a layer with more than
    512 filters, evenly chosen ones are compared with one another; of filters with more than 512 elements, evenly chosen ones.
    """

    sight: ClassVar[type] = FilterSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(
            name="filter_similarity",
            unit="",
            meaning="largest cosine, without its sign, of each filter and another of its layer",
        ),
    )
    cadence: ClassVar[Cadence] = Cadence.SPARSE

    def measure(self, sight: FilterSight) -> Iterator[Reading]:
        """One vector (F,) a convolution with several filters of four elements or more on the same input, F ≤ 512."""
        for name, module in zip(sight.names, sight.modules, strict=True):
            weight = weight_of(module)
            if weight is None or module.out_channels == module.groups:
                continue
            rows = filters_of(module, weight).flatten(1)
            if rows.shape[1] >= LEAST_COLUMNS:
                group = module.out_channels // module.groups
                step = filter_step(module.out_channels)
                groups = torch.arange(0, module.out_channels, step, device=rows.device).div(group, rounding_mode="floor")
                found = _most_alike(thin(rows, rows.shape[0], COLUMNS).float(), groups)
                yield Tag(measure="filter_similarity", subject=name), found


def _most_alike(rows: Tensor, groups: Tensor) -> Tensor:
    """Largest |cos| of each row (F, E) with another of its group (F,), as (F,)."""
    unit = rows / rows.abs().amax(dim=1, keepdim=True).clamp(min=TINY)  # the squares of tiny weights would be zero
    size: Tensor = torch.linalg.vector_norm(unit, dim=1, keepdim=True)
    unit = unit / size.clamp(min=TINY)
    cosine = (unit @ unit.T).abs_().nan_to_num_(nan=0.0)  # a broken filter is no twin of the sound ones
    cosine = cosine.masked_fill_(groups[:, None] != groups, 0.0).fill_diagonal_(0.0)
    return torch.where(size[:, 0].isfinite(), cosine.amax(dim=1).clamp_(max=1.0), torch.nan)
