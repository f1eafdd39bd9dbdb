"""Arithmetic on tensors: everything stays on the tensor's device, nothing synchronises, nothing draws random numbers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

SAMPLE = 2048  # elements of a histogram sample: a bin's share is off by at most 1/√2048 ≈ 2 %
EXACT = 16_384  # tensors up to this size get an exact standard deviation, larger ones one of a strided sample


def strided_sample(x: Tensor, limit: int) -> Tensor:
    """At most `limit` elements of x, evenly spread, as a 1-d view or copy.

    The stride is odd, so that power-of-two layouts do not return the same few pixels of every map.
    """
    flat = x.reshape(-1)
    if flat.numel() <= limit:
        return flat
    stride = -(-flat.numel() // limit) | 1
    return flat[::stride]


def moments(x: Tensor) -> Tensor:
    """Mean, standard deviation, root mean square, minimum and maximum of x, as a (5,) tensor.

    Sum, L2 norm and aminmax are the primitives because they cost 1.5 ms on 4.2 M floats where var_mean, count_nonzero and
    the infinity norm cost 40 ms on a CPU. A NaN anywhere shows in all five.
    """
    n = max(x.numel(), 1)
    wide = torch.promote_types(x.dtype, torch.float32)  # half precision would overflow; a norm refuses to narrow float64
    mean = x.sum(dtype=wide) / n
    rms = torch.linalg.vector_norm(x, dtype=wide) / n**0.5
    low, high = torch.aminmax(x)
    # rms² − mean² cancels when the mean is large against the spread, so the spread comes from the values themselves.
    spread = strided_sample(x, EXACT).float().std(correction=0)
    return torch.stack([m.float() for m in (mean, spread, rms, low, high)])


def nonfinite_count(x: Tensor) -> Tensor:
    """How many elements of x are NaN or infinite, as a 0-d tensor."""
    return x.numel() - x.isfinite().sum()


def norms(tensors: Sequence[Tensor]) -> Tensor:
    """L2 norm of each tensor, as a (P,) tensor, by one fused call."""
    return torch.stack([n.float() for n in torch._foreach_norm(list(tensors))])


def firing_rate(x: Tensor, unit_dim: int) -> Tensor:
    """Share of the samples (and positions) on which each unit is above zero, as a (U,) tensor."""
    others = [d for d in range(x.ndim) if d != unit_dim % x.ndim]
    return (x > 0).float().mean(dim=others) if others else (x > 0).float()


def share(mask: Tensor) -> Tensor:
    """Share of true elements, as a 0-d tensor."""
    return mask.float().mean()


def log_edges(device: torch.device | str = "cpu") -> Tensor:
    """Edges of the histogram bins: half octaves from 2⁻⁴⁰ to 2²⁰ on both sides of one bin around zero.

    Fixed edges need no pass for minimum and maximum, and histograms of different steps can be added.
    """
    positive = torch.exp2(torch.arange(-80, 41, dtype=torch.float32, device=device) / 2)
    return torch.cat((-positive.flip(0), positive))


def log_counts(samples: Sequence[Tensor]) -> Tensor:
    """Counts of each sample in the bins of `log_edges`, as (M, K) for M samples of at most SAMPLE elements.

    Finite values beyond the last edges fall into the outermost bins; non-finite ones into none. All samples are sorted in
    one call, because the price of small tensors is the number of calls.
    """
    width = max(s.numel() for s in samples)
    rows = torch.stack([torch.nn.functional.pad(s.float(), (0, width - s.numel()), value=torch.nan) for s in samples])
    finite = rows.isfinite()
    # Infinity, not NaN, for what is left out: binary search loses its way in NaN, which compares with nothing.
    rows = torch.where(finite, rows, torch.inf).sort(dim=1).values
    edges = log_edges(rows.device).expand(len(samples), -1).contiguous()
    below = torch.searchsorted(rows, edges)  # elements < edge
    counts = below.diff(dim=1)
    counts[:, 0] += below[:, 0]
    counts[:, -1] += finite.sum(dim=1) - below[:, -1]
    return counts.float()
