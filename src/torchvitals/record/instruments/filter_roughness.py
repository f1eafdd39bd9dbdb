"""Whether the filters of a convolution are smooth or look like noise."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.filters import FILTERS, filters_of, weight_of
from torchvitals.record.instrument import Cadence, Instrument, Reading
from torchvitals.record.sights import FilterSight
from torchvitals.record.thinning import thin

SMALLEST, LARGEST = 3, 64  # elements of a kernel along a dimension: in two there is no pattern, longer ones cost too much
CHANNELS = 64  # input channels of a filter that are looked at
TINY = torch.finfo(torch.float32).tiny


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterRoughness(Instrument[FilterSight]):
    """Share of a filter's energy at spatial frequencies above half the Nyquist frequency, over all its kernels.

    The spectrum is that of the orthonormal cosine transform (DCT-II), which is the Fourier transform of a kernel mirrored at
    its borders: that the left border of an edge detector differs from the right is no high frequency. Index j of a dimension
    of k elements is j/k of the Nyquist frequency; high is √Σ(j_d/k_d)² > 1/2.

    White noise, which is what a filter is at birth, has the share of the indices that are high: 5/9 in 3×3, 17/25 in 5×5,
    36/49 in 7×7. Smooth filters are far below. A filter of zeros has no such share (NaN).
    """

    sight: ClassVar[type] = FilterSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(
            name="filter_roughness",
            unit="fraction",
            meaning="share of each filter's energy above half the Nyquist frequency; white noise: 0.56 in 3×3, 0.68 in 5×5",
        ),
    )
    cadence: ClassVar[Cadence] = Cadence.SPARSE

    def measure(self, sight: FilterSight) -> Iterator[Reading]:
        """One vector (F,) a convolution with a kernel of 3 to 64 elements along a dimension, F ≤ 512."""
        for name, module in zip(sight.names, sight.modules, strict=True):
            weight = weight_of(module)
            if weight is not None and SMALLEST <= max(module.kernel_size) <= LARGEST:
                kernels = thin(filters_of(module, weight), FILTERS, CHANNELS).float()
                yield Tag(measure="filter_roughness", subject=name), _high_share(kernels)


def _high_share(kernels: Tensor) -> Tensor:
    """Share of the energy of each filter (F, C, *k) that is at high frequencies, as (F,)."""
    dims = range(2, kernels.ndim)
    spectrum = kernels / kernels.abs().amax(dim=(1, *dims), keepdim=True).clamp(min=TINY)  # squares of tiny weights vanish
    for d in dims:
        spectrum = (spectrum.movedim(d, -1) @ _cosines(kernels.shape[d], kernels)).movedim(-1, d)
    energy = spectrum.square().sum(dim=1)  # over the input channels
    high = energy.new_zeros(())
    for i, k in enumerate(kernels.shape[2:]):
        frequency = torch.arange(k, device=kernels.device) / k
        high = high + frequency.square().reshape(k, *[1] * (kernels.ndim - 3 - i))
    energy, above = energy.flatten(1), (high > 1 / 4).flatten()
    return (energy * above).sum(dim=1) / energy.sum(dim=1)


def _cosines(k: int, like: Tensor) -> Tensor:
    """The orthonormal DCT-II as (k, k): element n of a kernel to index j."""
    n = torch.arange(k, device=like.device, dtype=torch.float32)
    waves = torch.cos(math.pi / k * (n[:, None] + 0.5) * n) * math.sqrt(2 / k)
    return torch.where(n == 0, math.sqrt(1 / k), waves)
