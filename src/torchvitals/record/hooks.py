"""Hooks that are put on just before a sampled step and taken off right after it.

Only forward hooks and tensor hooks: a full backward hook, even one that does nothing, changes the order in which gradients
are summed where a tensor is used twice, and with that the training (1.6e-4 after 8 steps of a transformer).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils.hooks import RemovableHandle

Guard = Callable[..., None]  # runs `call(*args, **kwargs)` so that nothing escapes: see `record.guard`


class Hook:
    """A callable that returns nothing to autograd, lets nothing escape, and does not travel with copies of the model."""

    def __init__(self, guard: Guard, call: Callable[..., None]) -> None:
        self._guard = guard
        self._call = call

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        """Called by PyTorch."""
        if not torch.compiler.is_compiling():  # traced, it leaves nothing behind in the compiled graph
            self._guard(self._call, *args, **kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        """Become, in a copied or pickled model, a callable that does nothing.

        It is one of the standard library's, so that the copy can be loaded where torchvitals is not installed.
        """
        return getattr, (contextlib.nullcontext(), "__exit__")


class PassHook(Hook):
    """A forward hook that is told first whether this is a training pass. Inside the guard gradients are always off."""

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        """Called by PyTorch."""
        if not torch.compiler.is_compiling():
            self._guard(self._call, torch.is_grad_enabled() and not is_recomputation(), *args, **kwargs)


class Handles:
    """Hooks that come off together."""

    def __init__(self) -> None:
        self._handles: list[RemovableHandle] = []

    def add(self, handle: RemovableHandle) -> None:
        """Keep a handle."""
        self._handles.append(handle)

    def remove(self) -> None:
        """Take all of them off; again and again does no harm."""
        while self._handles:
            self._handles.pop().remove()


def dense(gradient: Tensor) -> Tensor:
    """The values of a sparse gradient; any other gradient as it is."""
    return gradient.detach().coalesce().values() if gradient.is_sparse else gradient.detach()


def is_recomputation() -> bool:
    """Whether this forward pass runs inside a backward pass, to rebuild activations that checkpointing threw away."""
    return torch._C._current_graph_task_id() >= 0
