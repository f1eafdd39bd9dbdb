"""How much of the gradient clipping leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.sights import ClippingSight
from torchvitals.record.subjects import of_optimizer


@dataclass(frozen=True, slots=True, kw_only=True)
class Clipping(Instrument[ClippingSight]):
    """‖g applied‖ / ‖g computed‖: 1 without clipping, below 1 when the gradient was shortened.

    Clipping by norm and by value both show. Where the ratio cannot be told (no gradient at all, or NaN and infinity in it)
    it is 1: the counts of non-finite gradients report that, and the share of clipped steps must not.
    """

    sight: ClassVar[type] = ClippingSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(name="clip_ratio", unit="fraction", meaning="norm of the applied gradient over its norm before clipping"),
        MeasureInfo(name="grad_norm_before_clipping", unit="", meaning="L2 norm of all gradients after the backward pass"),
    )

    def measure(self, sight: ClippingSight) -> Iterator[Reading]:
        """Two scalars."""
        subject = of_optimizer(sight.optimizer)
        ratio = sight.after.float() / sight.before.float()
        known = ratio.isfinite() & sight.before.isfinite()
        yield Tag(measure="clip_ratio", subject=subject), torch.where(known, ratio, 1.0)
        yield (
            Tag(measure="grad_norm_before_clipping", subject=subject),
            sight.before.detach().to(torch.float32, copy=True),
        )
