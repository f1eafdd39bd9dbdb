"""Finds the loss, and what it was computed from, between the forward pass and the backward pass.

A loss may be a function of torch, several of them added up, or the loop's own arithmetic. So nothing is known beforehand: all
that descends from the model's outputs is followed, and the number that a backward pass begins with is the loss. The first
tensor of data that meets the outputs on the way, one that no gradient reaches, is taken for the targets.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from torchvitals.record.functions import LOSS_FUNCTIONS
from torchvitals.record.hooks import Guard, Handles, Hook
from torchvitals.record.scaler import calling_scaler
from torchvitals.record.sights import LossSight, Sight
from torchvitals.record.tensor_memory import Tensors, tensors_in

_PRODUCTS = frozenset(("mul", "mul_", "__rmul__"))
_QUOTIENTS = frozenset(("div", "div_", "true_divide"))
_SUMS = frozenset(("add", "add_", "sub", "sub_", "__radd__", "__rsub__", "neg"))
_LOGARITHMS = frozenset(("log", "log_", "log1p", "log2", "log10"))
_SHIFTS = frozenset((*_SUMS, "clamp", "clamp_", "clamp_min", "clamp_max", "clip"))
# What data goes through on its way to the loss and is still the same data.
_SHAPINGS = frozenset(("view", "reshape", "view_as", "unsqueeze", "squeeze", "flatten", "contiguous", "to", "long", "int"))


class LossWindow:
    """Follows the arithmetic from the outputs of the model to the backward pass."""

    def __init__(self, show: Callable[[Sight], None], guard: Guard) -> None:
        self._show = show
        self._guard = guard
        self._handles = Handles()
        self._descendants = Tensors()  # of the outputs
        self._origins = Tensors()  # of data that was reshaped or encoded on its way to the loss
        self._shifted, self._logarithms = Tensors(), Tensors()  # what these were taken of
        self._whole = Tensors()  # complete losses, and those over a number of micro-batches: the loss as it was defined
        self._outputs: Tensor | None = None
        self._targets: Tensor | None = None
        self._fallback: Tensor | None = None  # what the model returned first
        self._kind = ""
        self._inside = True  # the model has not returned: what is computed now may be a part of the loss, or something else
        self._kind_inside = False  # whether the loss function was called there
        self._task = -1  # of the engine: the backward pass that was last seen beginning
        self.kind = ""  # of the loss last shown
        self.muted = False  # a module given as the loss shows itself

    def close(self) -> None:
        """The next forward pass begins; its loss may still be computed from outputs of this one, too."""
        self._outputs = self._targets = self._fallback = None
        self._kind, self._inside = "", True

    def open(self, outputs: list[Tensor], first: Tensor | None) -> None:
        """The model has returned these; `first` is the first of them that is no single number."""
        self._inside = False
        if first is not None and self._fallback is None:
            self._fallback = first.detach()
        for output in outputs:
            self._put(output, None)

    def mute(self) -> None:
        """A module given as the loss shows itself: what it says wins."""
        self.muted = True
        self.forget()

    def forget(self) -> None:
        """Show nothing more: the step is over."""
        self._handles.remove()
        for memory in (self._descendants, self._origins, self._shifted, self._logarithms, self._whole):
            memory.clear()
        self.close()

    def observe(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        """One call of a torch function."""
        if self.muted or not isinstance(result, Tensor):
            return
        if function in LOSS_FUNCTIONS:
            self._loss(LOSS_FUNCTIONS[function], args, kwargs, result)
            return
        tensors, name = tensors_in((*args, *kwargs.values())), getattr(function, "__name__", "")
        if any(t in self._descendants for t in tensors):
            self._descend(name, tensors, result)
        elif tensors and not result.requires_grad:
            self._reshape(name, tensors, result)

    def _loss(self, kind: str, args: tuple[Any, ...], kwargs: dict[str, Any], loss: Tensor) -> None:
        if not loss.requires_grad:  # a metric
            return
        if not self._kind or (self._kind_inside and not self._inside):  # what the loop computes wins over what the model does
            self._kind, self._kind_inside = kind, self._inside
            self._outputs, self._targets = outputs_and_targets(args, kwargs)
        # A sum will be divided by the number of samples: that is not accumulation, but part of its definition.
        whole = loss.numel() == 1 and kwargs.get("reduction", "mean") not in ("sum", "none")
        self._put(loss, loss.detach().clone() if whole else None)

    def _descend(self, name: str, tensors: list[Tensor], result: Tensor) -> None:
        if not result.requires_grad:
            return
        if self._targets is None:
            self._meet(name, tensors)
        if len(tensors) == 1 and result.numel() > 1:
            self._trace(name, tensors[0], result)
        self._put(result, self._loss_of(name, tensors, result) if result.numel() == 1 else None)

    def _put(self, tensor: Tensor, whole: Tensor | None) -> None:
        """Remember what descends from the outputs, and wait for a backward pass if it is a single number."""
        self._descendants.put(tensor)
        if whole is not None:
            self._whole.put(tensor, whole)
        if tensor.requires_grad and tensor.numel() == 1:
            hook = Hook(self._guard, functools.partial(self._on_backward, tensor.detach() if whole is None else whole))
            self._handles.add(tensor.register_hook(hook))  # type: ignore[no-untyped-call]

    def _meet(self, name: str, tensors: list[Tensor]) -> None:
        """The first data to meet a descendant of the outputs; of several indices, the last, as in `logp[range, targets]`."""
        found = [t for t in tensors if not t.requires_grad and t.ndim and t.numel()]
        data = found[-1 if name == "__getitem__" else 0] if found else None
        mine = next((t for t in tensors if t in self._descendants), None)
        if data is not None and mine is not None and mine.ndim and data.shape[0] == mine.shape[0]:
            self._outputs = self._logarithms.get(mine, mine.detach())
            self._targets = self._origins.get(data, data.detach())

    def _trace(self, name: str, source: Tensor, result: Tensor) -> None:
        """Targets are compared with probabilities, not with their logarithms: remember what `log(p + ε)` was taken of."""
        if source in self._logarithms and name in _SHIFTS:
            self._logarithms.put(result, self._logarithms.get(source))
        elif name in _LOGARITHMS:
            self._logarithms.put(result, self._shifted.get(source, source.detach()))
        elif name in _SHIFTS:
            self._shifted.put(result, self._shifted.get(source, source.detach()))

    def _loss_of(self, name: str, tensors: list[Tensor], result: Tensor) -> Tensor | None:
        """The loss as it was defined, if this number is one or comes from one.

        Divided by a number (the micro-batches of a step) or multiplied by a gradient scaler, it is still that loss. A number
        times it (`0.5 * error`), or more terms added, are part of the definition.
        """
        if name == "mean":
            return result.detach().clone()
        loss = next((t for t in tensors if t.requires_grad), None)
        if loss is None:
            return None
        known: Tensor | None = self._whole.get(loss)
        if name in _PRODUCTS and len(tensors) == 2 and calling_scaler(inspect.currentframe()) is not None:
            return loss.detach() if known is None else known
        if len(tensors) == 1 and name in _QUOTIENTS:
            return known
        whole = (name in _PRODUCTS and known is not None) or (name in _SUMS and any(t in self._whole for t in tensors))
        return result.detach().clone() if whole else None

    def _reshape(self, name: str, tensors: list[Tensor], result: Tensor) -> None:
        source = tensors[0]
        same = result.numel() == source.numel() and result.is_floating_point() == source.is_floating_point()
        encoded = self._origins.get(source, source).numel() != source.numel()  # a one-hot code may be cast
        shaped = name in _SHAPINGS or encoded or (name == "__getitem__" and len(tensors) == 1)
        if name == "one_hot" or (shaped and (same or encoded)):
            self._origins.put(result, self._origins.get(source, source.detach()))

    def _on_backward(self, loss: Tensor, _gradient: Tensor) -> None:
        """A backward pass begins with the loss, and comes to what that was computed from later."""
        task = torch._C._current_graph_task_id()
        if task == self._task or self.muted:
            return
        self._task, self.kind = task, self._kind
        outputs = self._fallback if self._outputs is None else self._outputs
        self._show(LossSight(loss=loss, outputs=outputs, targets=self._targets, kind=self._kind))


def outputs_and_targets(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Tensor | None, Tensor | None]:
    """The first two tensors a loss was called with, by their names where it was called so; outputs are what is learnt."""
    targets = next((t for name in ("target", "targets") if isinstance(t := kwargs.get(name), Tensor)), None)
    tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor) and value is not targets]
    if targets is not None:
        tensors.insert(1, targets)
    first, second = (tensors[0] if tensors else None), (tensors[1] if len(tensors) > 1 else None)
    if first is not None and second is not None and second.requires_grad and not first.requires_grad:
        first, second = second, first  # `mse_loss(target, output)` gives the same number
    return None if first is None else first.detach(), None if second is None else second.detach()
