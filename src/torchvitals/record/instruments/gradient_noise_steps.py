"""How noisy the gradient is, from two successive steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.sights import SuccessionSight


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientNoiseSteps(Instrument[SuccessionSight]):
    """g₁·g₂ and ½‖g₁ − g₂‖² of the gradients of two steps: estimates of ‖G‖² and of tr Σ of one batch.

    With g = G + e and independent e of covariance Σ, E g₁·g₂ = ‖G‖² and E ½‖g₁ − g₂‖² = tr Σ, as long as one step moves the
    true gradient G by less than the noise does (a large step counts as noise). Their quotient is the noise scale in batches
    of McCandlish et al. 2018 (arXiv 1812.06162). It is not taken here: one pair gives g₁·g₂ about as often below as above
    zero when noise prevails, so that a mean of quotients is a mean over poles. A rule averages each part over many steps
    (the paper's appendix A.1 does so, too) and divides then. Both parts are sums over the same share of the elements, so that
    only their quotient has a meaning. Without `zero_grad` g₂ contains g₁ and the noise looks far too small.
    """

    sight: ClassVar[type] = SuccessionSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="gradient_signal", unit="", meaning="product of two successive gradients"),
        MeasureInfo(name="gradient_noise", unit="", meaning="half the squared distance of two successive gradients"),
    )

    def measure(self, sight: SuccessionSight) -> Iterator[Reading]:
        """Two scalars."""
        if sight.current.numel() == 0:
            return
        previous, current = sight.previous.detach().float(), sight.current.detach().float()
        yield Tag(measure="gradient_signal", subject="model"), torch.dot(previous, current)
        yield Tag(measure="gradient_noise", subject="model"), (previous - current).square().sum() / 2
