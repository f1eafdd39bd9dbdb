"""The optimizers of a model: those that were passed, or those seen stepping a parameter of it."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn, optim
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from torchvitals.record.hooks import Guard, Handles, Hook

Step = Callable[[optim.Optimizer, bool], None]  # with whether a closure is used
Stop = Callable[[], BaseException | None]
Quick = Callable[[optim.Optimizer], bool]


class StepHook(Hook):
    """Calls `step`, unless `quick` says that there is nothing to do.

    Most steps are not measured. On those this is all that runs, so it takes no detour: a microsecond for both hooks together.
    """

    def __init__(self, guard: Guard, step: Step, quick: Quick, is_ours: Quick, stop: Stop | None = None) -> None:
        super().__init__(guard, self._on_step)
        self._step = step
        self._stop = stop
        self._quick = quick
        self._is_ours = is_ours

    def __call__(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """Called by PyTorch."""
        if not torch.compiler.is_compiling() and not self._quick(optimizer):
            self._guard(self._call, optimizer, args, kwargs)
            reason = None if self._stop is None else self._stop()
            if reason is not None:  # the one thing that is raised into the loop, and only if it was asked for
                raise reason

    def _on_step(self, optimizer: optim.Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._is_ours(optimizer):
            # args[0] is the optimizer itself
            self._step(optimizer, (len(args) > 1 and args[1] is not None) or kwargs.get("closure") is not None)


class Optimizers:
    """Calls `before` and `after` around every step of the optimizers of a model.

    Given optimizers are hooked themselves. Without any, PyTorch's global optimizer hooks show every optimizer of the process,
    and those that own a parameter of the model are its own.
    """

    def __init__(self, given: Iterable[optim.Optimizer], parameters: Iterable[nn.Parameter]) -> None:
        self._given = tuple(given)
        self._parameters = frozenset(id(p) for p in parameters)
        self._seen: list[weakref.ref[optim.Optimizer]] = []  # those that were not given
        self._handles, self._before = Handles(), Handles()
        self._on_before: StepHook | None = None
        self._awake = False

    def attach(
        self, before: Step, after: Step, guard: Guard, quick_before: Quick, quick_after: Quick, stop: Stop | None = None
    ) -> None:
        """Put the hooks on; what `stop` returns after a step is raised."""
        self._on_before = StepHook(guard, before, quick_before, self._is_ours)
        on_after = StepHook(guard, after, quick_after, self._is_ours, stop)
        self.wake()
        if self._given:
            for optimizer in self._given:
                self._handles.add(optimizer.register_step_post_hook(on_after))
        else:
            self._handles.add(register_optimizer_step_post_hook(on_after))

    def wake(self) -> None:
        """Call `before` from now on."""
        if self._awake or self._on_before is None:
            return
        self._awake = True
        if self._given:
            for optimizer in self._given:
                self._before.add(optimizer.register_step_pre_hook(self._on_before))
        else:
            self._before.add(register_optimizer_step_pre_hook(self._on_before))

    def rest(self) -> None:
        """Do not call `before` while there is nothing to do: half of what a step costs that is not measured."""
        self._before.remove()
        self._awake = False

    def remove(self) -> None:
        """Take the hooks off."""
        self.rest()
        self._on_before = None
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
