"""The gradient scaler of mixed precision, found where it calls the optimizer."""

from __future__ import annotations

import inspect
import weakref
from types import FrameType

import torch
from torch import Tensor, optim

from torchvitals.record.sights import ScalerSight

DEPTH = 16  # frames between our hook and the scaler: the hook's own, the optimizer's wrapper, a scheduler's, Lightning's


class Scaler:
    """Follows the factor that a `torch.amp.GradScaler` puts on the loss.

    Nobody hands the scaler to the recorder, but it stands in the stack of calls while it steps the optimizer.
    """

    def __init__(self) -> None:
        self._scaler: weakref.ref[torch.amp.GradScaler] | None = None
        self._last: Tensor | None = None

    def find(self) -> None:
        """Look for it among the callers, on a sampled step."""
        if self._scaler is None or self._scaler() is None:
            found = calling_scaler(inspect.currentframe())
            self._scaler = None if found is None else weakref.ref(found)

    def factor(self) -> Tensor | None:
        """The factor on the loss of this step, a 0-d tensor; None without a scaler, or when it is disabled."""
        scaler = None if self._scaler is None else self._scaler()
        scale: Tensor | None = getattr(scaler, "_scale", None)  # a disabled scaler has no such attribute
        return None if scale is None else scale.detach()

    def sight(self) -> ScalerSight | None:
        """The factor, and how many steps were skipped since the last sight.

        Every skipped step multiplies the factor by the scaler's backoff (0.5), so a factor smaller by 2⁻ᵏ tells of k skipped
        steps, or of more if it also grew in between.
        """
        scaler, factor = None if self._scaler is None else self._scaler(), self.factor()
        if scaler is None or factor is None:
            return None
        last = factor if self._last is None else self._last
        backoff = torch.log(torch.full_like(factor, scaler.get_backoff_factor()))
        least = torch.finfo(factor.dtype).tiny  # a factor that was halved to zero has no logarithm
        skipped = (torch.log(factor.clamp(min=least) / last.clamp(min=least)) / backoff).clamp(min=0).round()
        self._last = factor.clone()
        return ScalerSight(scale=self._last, skipped=skipped)

    def at_the_end(self) -> ScalerSight | None:
        """What became of the factor since the last sight, if it fell: one that skips every step calls no optimizer any more."""
        factor, last = self.factor(), self._last
        return self.sight() if factor is not None and last is not None and bool(factor < last) else None


def gradients_are_scaled(optimizer: optim.Optimizer) -> Tensor | None:
    """The factor that is still on the gradients: fused optimizers take it off themselves, inside their step."""
    factor = getattr(optimizer, "grad_scale", None)
    return factor.detach() if isinstance(factor, Tensor) else None


def calling_scaler(frame: FrameType | None) -> torch.amp.GradScaler | None:
    """The scaler among the callers of a frame, the nearest one."""
    for _ in range(DEPTH):
        if frame is None:
            return None
        owner = frame.f_locals.get("self")
        if isinstance(owner, torch.amp.GradScaler):
            return owner
        frame = frame.f_back
    return None
