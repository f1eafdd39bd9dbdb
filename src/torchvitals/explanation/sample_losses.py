"""The loss of each sample of the probe."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from torchvitals.explanation.classes import Classes


def sample_losses(outputs: Tensor, targets: Tensor, classes: Classes | None, loss_fn: object) -> Tensor | None:
    """(N,) losses, each the mean over what is left of its sample.

    A loss of PyTorch is asked for all its terms (`reduction="none"`). Any other counts as cross-entropy where the targets are
    classes, and as the squared error where they are shaped like the outputs; None where they are neither.
    """
    whole = outputs if classes is None or classes.axis == 1 else outputs.movedim(classes.axis, 1)
    terms = _terms(whole, targets, loss_fn)
    if terms is None or terms.ndim == 0 or len(terms) != len(outputs):
        terms = _usual(whole, targets, classes)
    return None if terms is None else terms.reshape(len(terms), -1).float().mean(dim=1)


def _terms(outputs: Tensor, targets: Tensor, loss_fn: object) -> Tensor | None:
    single = _every_term(loss_fn)
    if single is None:
        return None
    try:
        terms = single(outputs, targets)
    except (RuntimeError, ValueError, TypeError, IndexError):  # it wants something else: lengths, weights, another shape
        return None
    return terms if isinstance(terms, Tensor) else None


def _every_term(loss_fn: object) -> Callable[..., Any] | None:
    if isinstance(loss_fn, nn.modules.loss._Loss):
        single = copy.copy(loss_fn)
        single.reduction = "none"
        return single
    if callable(loss_fn) and any(known is loss_fn for known in vars(functional).values()):
        return lambda outputs, targets: loss_fn(outputs, targets, reduction="none")
    return None


def _usual(outputs: Tensor, targets: Tensor, classes: Classes | None) -> Tensor | None:
    if classes is not None:
        scores = outputs.float()
        sums = scores.sum(dim=1)
        ready = bool((scores >= 0).all()) and bool(torch.isclose(sums, torch.ones_like(sums), atol=1e-3).all())
        logs = scores.clamp_min(1e-30).log() if ready else scores.log_softmax(dim=1)
        labels = classes.labels.to(outputs.device)
        valid = (labels >= 0) & (labels < outputs.shape[1])
        picked = logs.gather(1, labels.where(valid, 0).unsqueeze(1)).squeeze(1)
        return -picked.where(valid, 0)
    if targets.shape == outputs.shape and not targets.is_complex():
        return (outputs.float() - targets.float()) ** 2
    return None
