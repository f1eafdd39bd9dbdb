"""Which loss a run was trained with, as far as the log tells: modules and functions of torch under one name."""

from __future__ import annotations

from torchvitals.core.manifest import Manifest

CROSS_ENTROPY, NLL, BCE, BCE_LOGITS = "cross-entropy", "nll", "bce", "bce-logits"
MSE, L1, HUBER = "mse", "l1", "huber"
KINDS = {
    "CrossEntropyLoss": CROSS_ENTROPY,
    "cross_entropy": CROSS_ENTROPY,
    "NLLLoss": NLL,
    "nll_loss": NLL,
    "BCELoss": BCE,
    "binary_cross_entropy": BCE,
    "BCEWithLogitsLoss": BCE_LOGITS,
    "binary_cross_entropy_with_logits": BCE_LOGITS,
    "MSELoss": MSE,
    "mse_loss": MSE,
    "L1Loss": L1,
    "l1_loss": L1,
    "SmoothL1Loss": HUBER,
    "smooth_l1_loss": HUBER,
    "HuberLoss": HUBER,
    "huber_loss": HUBER,
}
BY_CLASS = frozenset({CROSS_ENTROPY, NLL})  # targets are class indices, or the classes' probabilities
BINARY = frozenset({BCE, BCE_LOGITS})  # targets are probabilities, one by one
BY_DISTANCE = frozenset({MSE, L1, HUBER})  # outputs and targets are numbers on one scale
OF_LOGITS = frozenset({CROSS_ENTROPY, BCE_LOGITS})  # take their own softmax or sigmoid


def loss_kind(manifest: Manifest | None) -> str:
    """One of the kinds above; empty for losses that the loop wrote itself, and for those that nothing is known of.

    Example:
        >>> loss_kind(Manifest(loss="cross_entropy")), loss_kind(Manifest(loss="my_loss"))
        ('cross-entropy', '')
    """
    return KINDS.get(manifest.loss, "") if manifest is not None else ""
