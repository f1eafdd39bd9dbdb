"""Hooks that are put on just before a sampled step and taken off right after it.

Only forward hooks and tensor hooks: a full backward hook, even one that does nothing, changes the order in which gradients
are summed where a tensor is used twice, and with that the training (1.6e-4 after 8 steps of a transformer).
"""

from __future__ import annotations

import contextlib
import functools
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from torchvitals.record.kinds import activation_kind, has_own_parameters, is_channels_first
from torchvitals.record.outline import Firing, first_tensor, measured_modules
from torchvitals.record.sights import CarryoverSight, ForwardSight, InputSight, LossSight, Sight

CARRYOVER_PARAMETERS = 8  # leftovers show in every parameter at once, so a few of them are enough


Guard = Callable[..., None]  # runs `call(*args, **kwargs)` so that nothing escapes: see `record.guard`


class Hook:
    """A callable that returns nothing to autograd, lets nothing escape, and does not travel with copies of the model.

    With `training_only` it stays quiet in evaluation and in recomputations; that is looked at outside the guard, because
    inside it gradients are always off.
    """

    def __init__(self, guard: Guard, call: Callable[..., None], *, training_only: bool = False) -> None:
        self._guard = guard
        self._call = call
        self._training_only = training_only

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        """Called by PyTorch."""
        if not self._training_only or is_training_forward():
            self._guard(self._call, *args, **kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        """Become, in a copied or pickled model, a callable that does nothing.

        It is one of the standard library's, so that the copy can be loaded where torchvitals is not installed.
        """
        return getattr, (contextlib.nullcontext(), "__exit__")


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


class ModuleHooks:
    """Shows the outputs of a model's modules, in the order in which the forward pass reaches them."""

    def __init__(self, model: nn.Module, show: Callable[[Sight], None], guard: Guard) -> None:
        self._model = model
        self._modules = measured_modules(model)
        self._show = show
        self._guard = guard
        self._handles = Handles()
        self._calls: Counter[str] = Counter()
        self._channels_first = False
        self.firings: dict[str, Firing] = {}  # first call of each module, in forward order

    def attach(self) -> None:
        """Put the hooks on."""
        self._restart()
        on_start = Hook(self._guard, self._on_start, training_only=True)
        self._handles.add(self._model.register_forward_pre_hook(on_start))
        for name, module in self._modules.items():
            on_output = functools.partial(self._on_output, name)
            self._handles.add(module.register_forward_hook(Hook(self._guard, on_output, training_only=True)))

    def remove(self) -> None:
        """Take the hooks off."""
        self._handles.remove()

    def _restart(self) -> None:
        self._calls.clear()
        self._channels_first = False

    def _on_start(self, _model: nn.Module, args: tuple[Any, ...]) -> None:
        self._restart()
        inputs = next((a for a in args if isinstance(a, Tensor)), None)
        if inputs is not None:
            self._show(InputSight(inputs=inputs.detach()))

    def _on_output(self, name: str, module: nn.Module, _args: object, output: object) -> None:
        tensor = first_tensor(output)
        if tensor is None:
            return
        if has_own_parameters(module):
            self._channels_first = is_channels_first(module)
        call = self._calls[name]
        self._calls[name] += 1
        self.firings.setdefault(name, Firing(name=name, output_shape=tuple(tensor.shape)))
        self._show(
            ForwardSight(
                subject=f"{name}#{call}" if call else name,
                module=module,
                activation=activation_kind(module),
                output=tensor.detach(),
                unit_dim=1 if self._channels_first and tensor.ndim > 2 else -1,
            )
        )


class LossHook:
    """Shows what a loss module was given and what it returned."""

    def __init__(self, loss_fn: nn.Module | None, show: Callable[[Sight], None], guard: Guard) -> None:
        self._loss_fn = loss_fn
        self._show = show
        self._guard = guard
        self._handles = Handles()

    def attach(self) -> None:
        """Put the hook on, if there is a loss module."""
        if self._loss_fn is not None:
            hook = Hook(self._guard, self._on_loss, training_only=True)
            self._handles.add(self._loss_fn.register_forward_hook(hook, with_kwargs=True))

    def remove(self) -> None:
        """Take the hook off."""
        self._handles.remove()

    def _on_loss(self, _module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], loss: object) -> None:
        if not isinstance(loss, Tensor):
            return
        outputs, targets = (*[a for a in (*args, *kwargs.values()) if isinstance(a, Tensor)], None, None)[:2]
        self._show(
            LossSight(
                loss=loss.detach(),
                outputs=None if outputs is None else outputs.detach(),
                targets=None if targets is None else targets.detach(),
            )
        )


class CarryoverHooks:
    """Looks at `.grad` at the moment a step's first new gradient reaches it, before the two are added.

    The check sits at the backward pass because the gradients may be cleared anywhere before it: after the last step, before
    the forward pass, or between forward and backward.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._handles = Handles()
        self._norms: dict[int, Tensor] = {}

    def attach(self, parameters: Iterable[nn.Parameter]) -> None:
        """Watch a few parameters, evenly spread over those given."""
        self._norms.clear()
        trainable = [p for p in parameters if p.requires_grad and p.is_leaf]
        stride = max(1, -(-len(trainable) // CARRYOVER_PARAMETERS))
        for parameter in trainable[::stride]:
            hook = Hook(self._guard, functools.partial(self._on_gradient, parameter))
            self._handles.add(parameter.register_hook(hook))  # type: ignore[no-untyped-call]

    def remove(self) -> None:
        """Take the hooks off."""
        self._handles.remove()

    def sight(self) -> CarryoverSight | None:
        """What was found since `attach`; None when no gradient arrived."""
        return CarryoverSight(norms=tuple(self._norms.values())) if self._norms else None

    def _on_gradient(self, parameter: nn.Parameter, _gradient: Tensor) -> None:
        if id(parameter) not in self._norms:
            old = parameter.grad
            size = torch.zeros((), device=parameter.device) if old is None else torch.linalg.vector_norm(dense(old))
            self._norms[id(parameter)] = size.float()


def dense(gradient: Tensor) -> Tensor:
    """The values of a sparse gradient; any other gradient as it is."""
    return gradient.detach().coalesce().values() if gradient.is_sparse else gradient.detach()


def is_training_forward() -> bool:
    """Whether this forward pass can be learned from: not evaluation, and not a recomputation inside the backward pass."""
    return torch.is_grad_enabled() and torch._C._current_graph_task_id() < 0


def is_compiled(model: nn.Module) -> bool:
    """Whether hooks added now would silently never be called, because `torch.compile` has replaced the forward pass."""
    return any("_orig_mod" in name or m._compiled_call_impl is not None for name, m in model.named_modules())
