"""When targets are class indices."""

from __future__ import annotations

import torch
from torch import Tensor


def are_class_indices(outputs: Tensor, targets: Tensor) -> bool:
    """Integer targets shaped like the outputs without their class dimension: (N, C) with (N,), (N, C, H, W) with (N, H, W).

    The other sizes must agree, too: (N, T, C) with (N, T) puts its classes last, and CTC has target lengths of its own.
    """
    if targets.is_floating_point() or targets.is_complex() or targets.dtype == torch.bool or outputs.ndim == 0:
        return False
    samples = (*outputs.shape[:1], *outputs.shape[2:]) if outputs.ndim > 1 else ()
    return tuple(targets.shape) == samples
