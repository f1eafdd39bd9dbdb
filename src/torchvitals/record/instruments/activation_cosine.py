"""Whether the samples of a batch still point in different directions inside the network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Cadence, Instrument, Reading
from torchvitals.record.sights import ForwardSight
from torchvitals.record.thinning import thin, widened

SAMPLES = 64  # compared with one another, at most: 2016 pairs
FEATURES = 4096  # of a sample that are looked at, at most
LEAST_FEATURES = 8  # vectors of fewer elements point in nearly the same direction by chance
TINY = torch.finfo(torch.float32).tiny


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationCosine(Instrument[ForwardSight]):
    """Mean cosine between the outputs of a module for two different samples of the batch.

    Of n unit vectors u it is (‖Σu‖² − n)/(n² − n), without forming the pairs. At 1 the module says the same of every sample, up
    to its size: what comes after it cannot know the input any more. Not centred, so outputs that are all positive (ReLU,
    sigmoid) start well above 0. Two outputs of nothing but zeros count as the same.
    """

    sight: ClassVar[type] = ForwardSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(
            name="activation_cosine",
            unit="",
            meaning="mean cosine between a module's outputs for two samples of the batch; 1: all samples look the same",
        ),
    )
    cadence: ClassVar[Cadence] = Cadence.RARE

    def measure(self, sight: ForwardSight) -> Iterator[Reading]:
        """One scalar, for outputs (N, …) of two samples and eight elements a sample at least; NaN when one of them is."""
        x = sight.output
        if x.ndim < 2 or x.shape[0] < 2 or x.numel() < LEAST_FEATURES * x.shape[0]:
            return
        few = thin(x, SAMPLES)
        rows = widened(thin(few.reshape(few.shape[0], -1), SAMPLES, FEATURES))
        yield Tag(measure="activation_cosine", subject=sight.subject), _mean_cosine(rows)


def _mean_cosine(rows: Tensor) -> Tensor:
    """Of (n, d) with n ≥ 2, as a 0-d tensor."""
    n = rows.shape[0]
    peak = rows.abs().amax(dim=1, keepdim=True)
    unit = rows / peak.clamp(min=TINY)  # the squares of large or tiny elements would leave the range
    size: Tensor = torch.linalg.vector_norm(unit, dim=1, keepdim=True)
    total = (unit / size.clamp(min=TINY)).sum(dim=0).square().sum()
    zero = (peak == 0).sum()
    return ((total + zero.square() - n) / (n * (n - 1))).float()
