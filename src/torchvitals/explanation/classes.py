"""Where the classes of an output lie, and which class each sample belongs to."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

BINARY = (nn.BCELoss, nn.BCEWithLogitsLoss, functional.binary_cross_entropy, functional.binary_cross_entropy_with_logits)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Classes:
    """The classes of an output of shape (N, C, …) or (N, …, C)."""

    axis: int  # 1 or -1
    labels: Tensor  # (N, …) int64; what is no class, as `ignore_index`, is left in


def classes_of(outputs: Tensor, targets: object) -> Classes | None:
    """The classes, where the targets are class indices or one-hot rows; None where they are something else.

    Integer targets are indices when they are shaped like the outputs without a dimension of at least two: the second as PyTorch
    has it, else the last, as in language models. Floating targets shaped like the outputs (N, C) are one-hot when each row has
    a single 1 among zeros.
    """
    if not isinstance(targets, Tensor) or outputs.ndim < 2:
        return None
    if targets.is_floating_point():
        return Classes(axis=1, labels=targets.argmax(dim=1)) if _one_hot(outputs, targets) else None
    for axis in (1, -1):
        rest = [n for i, n in enumerate(outputs.shape) if i != axis % outputs.ndim]
        if list(targets.shape) == rest and outputs.shape[axis] > 1 and not targets.is_complex():
            return Classes(axis=axis, labels=targets.long())
    return None


def _one_hot(outputs: Tensor, targets: Tensor) -> bool:
    if outputs.ndim != 2 or outputs.shape != targets.shape or outputs.shape[1] < 2:
        return False
    return bool(((targets == 0) | (targets == 1)).all() and (targets.sum(dim=1) == 1).all())


def is_binary(outputs: Tensor, targets: object, loss_fn: object) -> bool:
    """Whether there is one output a sample that tells two classes apart; only the loss tells that from a regression."""
    if not isinstance(targets, Tensor) or not (loss_fn in BINARY or isinstance(loss_fn, BINARY[:2])):
        return False
    single = outputs.ndim >= 1 and outputs.numel() == outputs.shape[0] == targets.numel()
    return single and bool(((targets == 0) | (targets == 1)).all())
