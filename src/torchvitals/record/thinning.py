"""Tensors too large to look at in full: evenly spread entries of theirs, always the same ones, and how far those spread."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def odd_stride(size: int, limit: int) -> int:
    """The smallest odd stride that leaves at most `limit` of `size` entries, or 1 when nothing has to be left out.

    Odd, so that an image flattened to a power of two does not return the same few columns of pixels.

    Example:
        >>> odd_stride(64, 64), odd_stride(65, 64), odd_stride(3072, 64)
        (1, 3, 49)
    """
    return 1 if size <= limit else -(-size // max(limit, 1)) | 1


def thin(x: Tensor, *limits: int) -> Tensor:
    """A view of x with at most `limits[d]` entries along dimension d; dimensions without a limit stay whole."""
    return x[tuple(slice(None, None, odd_stride(size, limit)) for size, limit in zip(x.shape, limits, strict=False))]


def spread(x: Tensor, dim: int) -> Tensor:
    """Standard deviation of a floating x along `dim`, divided by n: sqrt(Σ(x − x̄)²/n); one dimension less than x.

    Centred first and then by the L2 norm, because `std` over a dimension costs 10 to 20 times as much on a CPU. The first
    entry is taken off before the mean, so that a constant comes out as exactly 0 whatever its size.
    """
    shifted = x - x.narrow(dim, 0, 1)
    norm: Tensor = torch.linalg.vector_norm(shifted - shifted.mean(dim, keepdim=True), dim=dim)
    return norm / math.sqrt(x.shape[dim])


def widened(x: Tensor) -> Tensor:
    """The same in float32 at least: half precision would overflow in a sum, and float64 is left as it is."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
