"""Whether an explanation depends on what was learned: the same question to the same network with weights drawn anew."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from torchvitals.explanation.replica import replica

SEED = 0


def redrawn(model: nn.Module, seed: int = SEED) -> nn.Module:
    """A copy whose parameters are normal numbers of the same mean and standard deviation, tensor by tensor.

    Adebayo et al. 2018, "Sanity checks for saliency maps", ask whether attributions change when the weights are randomised.
    Keeping mean and deviation keeps the scale of the activations, so that the network is a random one and not a silent one.
    The numbers come from a generator of their own.
    """
    random = replica(model)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in (*random.parameters(), *_computed(random)):
            if weight.is_floating_point() and weight.numel() > 1:
                noise = torch.randn(weight.shape, generator=generator).to(weight.device)
                wide = weight.float()
                weight.copy_(wide.mean() + wide.std() * noise)
    return random


def _computed(model: nn.Module) -> Iterator[Tensor]:
    """Weights that a hook computed from parameters, as pruning does: in a copy without hooks they are what counts."""
    for module in model.modules():
        for name, value in vars(module).items():
            if isinstance(value, Tensor) and any(p.startswith(f"{name}_") for p in module._parameters):
                yield value


def rank_correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Spearman's rank correlation of two arrays of one shape; ties get their mean rank. NaN when one of them is constant.

    Example:
        >>> rank_correlation(np.array([1, 5, 9], np.float32), np.array([10, 20, 90], np.float32))
        1.0
    """
    x, y = _ranks(a.ravel()), _ranks(b.ravel())
    x, y = x - x.mean(), y - y.mean()
    scale = float(np.sqrt((x @ x) * (y @ y)))
    return round(float(x @ y) / scale, 12) if scale > 0 else float("nan")


def agreement(values: NDArray[np.float32], others: NDArray[np.float32], counted: NDArray[np.bool_]) -> float:
    """Mean over samples of the rank correlation of |values| with |others|, both (N, …), where `counted`; NaN without any."""
    rows = [
        rank_correlation(np.abs(v[keep]), np.abs(o[keep]))
        for v, o, keep in zip(values, others, counted, strict=True)
        if keep.sum() > 1
    ]
    known = [r for r in rows if np.isfinite(r)]
    return float(np.mean(known)) if known else float("nan")


def _ranks(values: NDArray[np.float32]) -> NDArray[np.float64]:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2)[place.ravel()], dtype=np.float64)
