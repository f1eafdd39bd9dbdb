"""Arithmetic of our own in float32, whatever precision the loop has asked for."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def without_autocast(device: torch.device) -> AbstractContextManager[object]:
    """Switch autocast off on the device: a measurement inside the loop's autocast region would be rounded to half precision."""
    if torch.amp.is_autocast_available(device.type):
        return torch.autocast(device.type, enabled=False)
    return nullcontext()


def wide(x: Tensor) -> Tensor:
    """The tensor, detached, in float32; float64 stays. No copy when it is already that."""
    return x.detach() if x.dtype == torch.float64 else x.detach().float()
