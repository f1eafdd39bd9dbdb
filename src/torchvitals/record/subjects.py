"""What a reading of a whole optimizer is about."""

from __future__ import annotations


def of_optimizer(index: int) -> str:
    """The first optimizer stands for the model, because most loops have one; the others are numbered.

    Example:
        >>> of_optimizer(0), of_optimizer(1)
        ('model', 'optimizer1')
    """
    return f"optimizer{index}" if index else "model"


def of_group(index: int, group: int) -> str:
    """A parameter group of an optimizer.

    Example:
        >>> of_group(0, 2), of_group(1, 0)
        ('group2', 'optimizer1.group0')
    """
    return f"optimizer{index}.group{group}" if index else f"group{group}"
