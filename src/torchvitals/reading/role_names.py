"""What the name of a scalar says: which quantity, of training or of validation, by step or by epoch."""

from __future__ import annotations

import re
from dataclasses import dataclass

SPLITS = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "eval", "evaluation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
PACES = {**dict.fromkeys(("step", "batch", "iter", "iteration"), "step"), "epoch": "epoch"}
SMOOTHED = frozenset({"running", "avg", "average", "mean", "smoothed", "smooth"})
FILLERS = frozenset({"total", "overall", "global", "metric", "metrics", "scalar", "scalars", "per", "current", "value"})
# What must be left of a name when everything above is taken away. A word more ("box_loss", "loss_G") means something else.
QUANTITIES = {
    "loss": ("loss",),
    "accuracy": (
        *("accuracy", "acc", "acc1", "top1", "acc top1", "accuracy top1"),
        *("accuracy categorical", "accuracy categorical sparse", "accuracy binary"),
    ),
    "grad_norm": (
        *("grad norm", "grads norm", "gradient norm", "gradients norm", "gnorm", "gradnorm"),
        *("2 grad norm", "2.0 grad norm", "grad l2 norm", "gradient l2 norm"),
    ),
    "learning_rate": ("lr", "learning rate"),
    "epoch": ("",),
}
OPTIMIZERS = frozenset(
    {"adadelta", "adafactor", "adagrad", "adam", "adamax", "adamw", "asgd", "lbfgs", "lion", "muon", "nadam", "radam"}
    | {"rmsprop", "rprop", "sgd", "sparseadam"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A tag, understood."""

    tag: str
    quantity: str
    split: str = ""  # train, val, test; empty: the name does not say
    pace: str = ""  # step, epoch; empty: the name does not say
    repeats: bool = False  # says its split twice: train/train_loss is what some trainers call the mean over the whole run
    smoothed: bool = False
    group: str = ""  # of a learning rate


def words(tag: str) -> list[str]:
    """The words of a tag in lower case.

    Example:
        >>> words("train/ValLoss"), words("grad_2.0_norm_total"), words("lr-Adam")
        (['train', 'val', 'loss'], ['grad', '2.0', 'norm', 'total'], ['lr', 'adam'])
    """
    return [w.lower() for w in re.findall(r"\d+\.\d+|[A-Z]?[a-z]+\d*|[A-Z]+\d*(?![a-z])|\d+", tag)]


def understand(tag: str) -> Name | None:
    """What a tag says; None when it says something that is not known here for certain.

    Example:
        >>> understand("validation/loss")
        Name(tag='validation/loss', quantity='loss', split='val', pace='', repeats=False, smoothed=False, group='')
        >>> understand("box_loss") is None
        True
    """
    all_words = words(tag)
    if (rate := _learning_rate(tag, all_words)) is not None:
        return rate
    splits = [SPLITS[w] for w in all_words if w in SPLITS]
    paces = [PACES[w] for w in all_words if w in PACES]
    rest = sorted(w for w in all_words if w not in SPLITS and w not in PACES and w not in SMOOTHED and w not in FILLERS)
    quantity = next((q for q, names in QUANTITIES.items() if " ".join(rest) in names), None)
    if quantity is None or len(set(splits)) > 1 or len(set(paces)) > 1:
        return None
    if quantity == "epoch" and (paces != ["epoch"] or "per" in all_words):
        return None
    return Name(
        tag=tag,
        quantity=quantity,
        split=splits[0] if splits else "",
        pace=paces[0] if paces else "",
        repeats=len(splits) > 1,
        smoothed=any(w in SMOOTHED for w in all_words),
    )


def _learning_rate(tag: str, all_words: list[str]) -> Name | None:
    """`lr`, `learning_rate`, `lr-Adam`, `lr-Adam/pg2` (counted from 1), `lr/group_1` (counted from 0), `lr-Adam-1/pg1`."""
    text = " ".join(w for w in all_words if SPLITS.get(w) != "train" and w not in FILLERS and w not in PACES)
    found = re.fullmatch(
        r"(?:lr|learning rate)(?: (?!param|group|pg)([a-z]+))?(?: (\d+))?(?: (?:pg(\d+)|(?:param )?group ?(\d+)))?", text
    )
    if found is None or found[1] not in {None, *OPTIMIZERS}:
        return None
    group = int(found[3]) - 1 if found[3] else int(found[4] or 0)
    counted = int(found[2] or 0)
    if found[1] is None:  # lr/1 counts groups, lr-Adam-1 optimizers
        group, counted = max(group, counted), 0
    return Name(tag=tag, quantity="learning_rate", group=f"optimizer{counted}.group{group}" if counted else f"group{group}")
