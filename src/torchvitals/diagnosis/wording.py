"""How findings name several things at once."""

from __future__ import annotations

from collections.abc import Sequence


def listed(names: Sequence[str], limit: int = 4) -> str:
    """The first few names, and how many more there are.

    Example:
        >>> listed(["a", "b", "c"], limit=2)
        'a, b and 1 more'
    """
    more = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {more} more" if more > 0 else "")


def modules_of(names: Sequence[str]) -> tuple[str, ...]:
    """The modules that own parameters of these names, each once; a parameter of the model itself stands for itself.

    Example:
        >>> modules_of(["encoder.0.weight", "encoder.0.bias", "scale"])
        ('encoder.0', 'scale')
    """
    return tuple(dict.fromkeys(name.rpartition(".")[0] or name for name in names))
