"""How far batch norm's running statistics are from the batches it sees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record.instrument import Cadence, Instrument, Reading
from torchvitals.record.sights import ForwardSight

SAMPLE = 65_536  # elements of an input that are looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchNormDrift(Instrument[ForwardSight]):
    """Median over the channels of |μ_running − μ_batch|/σ_batch and of σ²_running/σ²_batch, in training mode.

    What evaluation normalises with against what training normalises with. Variances carry the module's ε, as in the division
    itself, so that a silent channel reads 1. The running statistics are those after this call, which has already moved them by
    `momentum` towards the batch: the distance reads (1 − momentum) times what it was. The median of an even number of
    channels is the lower of the middle two. Statistics over few samples are noise, hence their number: N·positions of the
    whole input.
    """

    sight: ClassVar[type] = ForwardSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (
        MeasureInfo(
            name="batch_norm_mean_drift", unit="σ", meaning="median distance of batch norm's running mean from the batch's mean"
        ),
        MeasureInfo(
            name="batch_norm_variance_ratio",
            unit="",
            meaning="median of batch norm's running variance over the batch's",
        ),
        MeasureInfo(name="batch_norm_samples", unit="samples", meaning="samples and positions of a batch norm's statistics"),
    )
    cadence: ClassVar[Cadence] = Cadence.RARE

    def measure(self, sight: ForwardSight) -> Iterator[Reading]:
        """Three scalars for a batch norm in training mode that keeps running statistics."""
        module, x = sight.module, sight.inputs
        if not isinstance(module, nn.modules.batchnorm._BatchNorm) or not module.training or x is None:
            return
        if module.running_mean is None or module.running_var is None or x.ndim < 2 or x.numel() == 0:
            return
        sample = _choice(x.detach())
        # Running variances are unbiased ones.
        variance, mean = torch.var_mean(sample, dim=(0, 2), correction=min(sample.numel() // sample.shape[1] - 1, 1))
        variance = variance + module.eps
        drift = (module.running_mean.float() - mean).abs() / variance.sqrt()
        ratio = (module.running_var.float() + module.eps) / variance
        yield Tag(measure="batch_norm_mean_drift", subject=sight.subject), drift.median()
        yield Tag(measure="batch_norm_variance_ratio", subject=sight.subject), ratio.median()
        yield Tag(measure="batch_norm_samples", subject=sight.subject), float(x.numel() // x.shape[1])


def _choice(x: Tensor) -> Tensor:
    """At most `SAMPLE` elements of x (N, C, …), as (n, C, l) in float32.

    Positions are thinned before samples, because the positions of one sample tell less about the batch.
    """
    x = x.flatten(2) if x.ndim > 2 else x[..., None]
    limit = max(SAMPLE // x.shape[1], 2)  # a channel
    positions = -(-x.shape[0] * x.shape[2] // limit) | 1  # odd: a power of two would pick the same columns of every map
    x = x[:, :, :: min(positions, x.shape[2])]
    return x[:: -(-x.shape[0] * x.shape[2] // limit)].float()
