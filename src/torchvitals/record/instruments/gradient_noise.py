"""How noisy the gradient is, from the micro-batches of one step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.sights import MicroBatchSight

TINY = torch.finfo(torch.float32).tiny


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientNoise(Instrument[MicroBatchSight]):
    """B = tr Σ / ‖G‖² in micro-batches (the simple noise scale of McCandlish et al. 2018, arXiv 1812.06162).

    With gᵢ = G + eᵢ, i = 1…k, independent eᵢ of covariance Σ and ḡ their mean:

        E mean‖gᵢ‖² = ‖G‖² + tr Σ            tr Σ ≈ (mean‖gᵢ‖² − ‖ḡ‖²) · k/(k−1)
        E ‖ḡ‖²      = ‖G‖² + tr Σ / k        ‖G‖² ≈ (k‖ḡ‖² − mean‖gᵢ‖²) / (k−1)

    which is appendix A.1 there with batch sizes 1 and k. Below B micro-batches a larger batch pays for itself almost in full,
    far above it hardly at all. A common factor of all gradients (a loss divided by k) cancels. Both parts have no bias, their
    quotient has some: with few micro-batches take the median of many steps. Infinite when the estimate of ‖G‖² is not
    positive, that is, when no signal can be told from the noise.
    """

    sight: ClassVar[type] = MicroBatchSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="gradient_noise_scale", unit="micro-batches", meaning="variance of a gradient over its squared norm"),
    )

    def measure(self, sight: MicroBatchSight) -> Iterator[Reading]:
        """One scalar."""
        k = len(sight.sketches)
        if k < 2 or sight.sketches[0].numel() == 0:
            return
        g = torch.stack([s.detach().float() for s in sight.sketches])  # (k, K)
        g = g / g.abs().amax().clamp(min=TINY)  # the squares of small gradients are zero in float32
        single = g.square().sum() / k
        mean = g.mean(dim=0).square().sum()
        noise = ((single - mean) * k / (k - 1)).clamp(min=0)  # identical gradients round to just below 0
        signal = ((k * mean - single) / (k - 1)).clamp(min=0)
        yield Tag(measure="gradient_noise_scale", subject="model"), torch.where(noise == 0, noise, noise / signal)
