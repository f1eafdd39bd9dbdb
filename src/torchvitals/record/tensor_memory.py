"""Remembering tensors of the loop without keeping them alive."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

from torch import Tensor


class Tensors:
    """What is known of tensors, by identity; none of them is kept alive."""

    def __init__(self) -> None:
        self._values: dict[int, tuple[weakref.ref[Tensor], Any]] = {}

    def put(self, tensor: Tensor, value: Any = None) -> None:
        """Remember a tensor, and something about it."""
        self._values[id(tensor)] = (weakref.ref(tensor), value)

    def get(self, tensor: Tensor, default: Any = None) -> Any:
        """What was said about a tensor."""
        ref, value = self._values.get(id(tensor), (None, None))
        return value if ref is not None and ref() is tensor else default

    def __contains__(self, tensor: Tensor) -> bool:
        ref, _ = self._values.get(id(tensor), (None, None))
        return ref is not None and ref() is tensor

    def clear(self) -> None:
        """Forget all of them."""
        self._values.clear()


def tensors_in(values: Iterable[Any]) -> list[Tensor]:
    """The tensors among the arguments of a call, also those inside a list or tuple of them."""
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, list | tuple):
            found += [v for v in value if isinstance(v, Tensor)]
    return found
