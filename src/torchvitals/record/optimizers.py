"""The optimizers of a model: those that were passed, or those seen stepping a parameter of it."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import Any

from torch import nn, optim
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from torchvitals.record.hooks import Guard, Handles, Hook

Before = Callable[[optim.Optimizer, bool], None]
After = Callable[[optim.Optimizer, bool], None]


class Optimizers:
    """Calls `before` and `after` around every step of the optimizers of a model; both learn whether a closure is used.

    Given optimizers are hooked themselves. Without any, PyTorch's global optimizer hooks show every optimizer of the process,
    and those that own a parameter of the model are its own.
    """

    def __init__(self, given: Iterable[optim.Optimizer], parameters: Iterable[nn.Parameter]) -> None:
        self._given = tuple(given)
        self._parameters = frozenset(id(p) for p in parameters)
        self._seen: list[weakref.ref[optim.Optimizer]] = []  # those that were not given
        self._handles = Handles()

    def attach(self, before: Before, after: After, guard: Guard) -> None:
        """Put the hooks on."""

        def on_before(optimizer: optim.Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if self._is_ours(optimizer):
                before(optimizer, _has_closure(args, kwargs))

        def on_after(optimizer: optim.Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if self._is_ours(optimizer):
                after(optimizer, _has_closure(args, kwargs))

        if self._given:
            for optimizer in self._given:
                self._handles.add(optimizer.register_step_pre_hook(Hook(guard, on_before)))
                self._handles.add(optimizer.register_step_post_hook(Hook(guard, on_after)))
        else:
            self._handles.add(register_optimizer_step_pre_hook(Hook(guard, on_before)))
            self._handles.add(register_optimizer_step_post_hook(Hook(guard, on_after)))

    def remove(self) -> None:
        """Take the hooks off."""
        self._handles.remove()

    def known(self) -> list[optim.Optimizer]:
        """The optimizers passed or seen so far, in that order."""
        return [*self._given, *(o for ref in self._seen if (o := ref()) is not None)]

    def owned(self) -> frozenset[int]:
        """Ids of the parameters that an optimizer known so far updates."""
        return frozenset(i for o in self.known() for i in owned_by(o))

    def _is_ours(self, optimizer: optim.Optimizer) -> bool:
        if any(known is optimizer for known in self.known()):
            return True
        ours = not self._parameters.isdisjoint(owned_by(optimizer))
        if ours:
            self._seen.append(weakref.ref(optimizer))
        return ours


def owned_by(optimizer: optim.Optimizer) -> frozenset[int]:
    """Ids of the parameters in an optimizer's groups."""
    return frozenset(id(p) for group in optimizer.param_groups for p in group["params"])


def _has_closure(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    # args[0] is the optimizer itself
    return (len(args) > 1 and args[1] is not None) or kwargs.get("closure") is not None
