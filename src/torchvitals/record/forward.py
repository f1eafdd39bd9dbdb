"""Shows the forward pass of a training step: what goes in, what each module puts out, what the model returns.

Activations called as functions inside a module, and the loss after the model has returned, are shown by a function mode.
"""

from __future__ import annotations

import functools
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from torchvitals.record import compiled
from torchvitals.record.attention_calls import ATTENTION, attention_sight
from torchvitals.record.backward import OutputGradients
from torchvitals.record.functions import LOSS_FUNCTIONS, FunctionMode, activation_of
from torchvitals.record.hooks import Guard, Handles, PassHook, is_recomputation
from torchvitals.record.kinds import activation_kind, has_own_parameters, is_channels_first, is_measured
from torchvitals.record.losses import LossWindow
from torchvitals.record.outline import Firing, clean_name, first_tensor, floating_tensors
from torchvitals.record.sequences import SequenceGradients
from torchvitals.record.sights import ForwardSight, InputSight, ModesSight, OutputSight, Sight

CALLS = 4  # of one module in a pass that are measured; a cell is called once for every element of a sequence
FUNCTION_CALLS = 16  # of one kind of function inside one module; a whole network may be written that way

Show = Callable[[Sight], None]


class ForwardHooks:
    """Follows the calls of a model's modules on a stack, so that everything has a place it belongs to.

    A call from outside of all others is a pass of its own: of the whole model, or of a part that the loop calls alone. It is a
    training pass when gradients are enabled and it is no recomputation; what runs inside it is part of it, also without
    gradients, as the first pass of reentrant checkpointing is.
    """

    def __init__(
        self, model: nn.Module, show: Show, guard: Guard, gradients: OutputGradients, sequences: SequenceGradients
    ) -> None:
        self._model = model
        self._show = show
        self._guard = guard
        self._gradients = gradients
        self._sequences = sequences
        self._handles = Handles()
        self._modules = _outside_compiled(model)
        self._roots = {"": model}  # the modules that the loop itself calls
        self._stack: list[str] = []
        self._calls: Counter[str] = Counter()
        self._training = False
        self._light = False
        self._channels_first = False
        self.losses = LossWindow(show, guard)
        self._mode = FunctionMode(weakref.WeakMethod(self._on_call))
        self.firings: dict[str, Firing] = {}  # first call of each module or function, in forward order
        self.passes = 0  # training passes since the hooks were put on

    @property
    def functions_seen(self) -> bool:
        """Whether a mode may be used: other compiled code than the model's own would notice."""
        return compiled.is_compiled(self._model) or not compiled.in_use()

    def attach(self, *, light: bool, hooked: bool = True) -> None:
        """Put the hooks on; with `light` only on what the loop calls, which is enough to see the loss.

        Unless `hooked`, none at all: the model runs compiled; `begin`, `shadow` and `returned` may be called instead.
        """
        self._stack.clear()
        self._calls.clear()
        self._light = light
        self.passes = 0
        if hooked:
            self._put_on(self._roots if light else self._modules)

    def _put_on(self, modules: Mapping[str, nn.Module]) -> None:
        for name, module in modules.items():
            enter = PassHook(self._guard, functools.partial(self._on_enter, name))
            leave = PassHook(self._guard, functools.partial(self._on_leave, name))
            self._handles.add(module.register_forward_pre_hook(enter, with_kwargs=True))
            # Also after an exception, or the stack would not be taken down again.
            self._handles.add(module.register_forward_hook(leave, with_kwargs=True, always_call=True))

    def remove(self) -> None:
        """Take the hooks off."""
        self._handles.remove()
        self._mode.remove()
        self.losses.forget()

    def finish(self) -> None:
        """The update is about to begin: no loss will come any more."""
        self.silence()
        self.losses.forget()

    def silence(self) -> None:
        """Take the function mode off: no more functions are seen, and compiled code does not notice it."""
        self._mode.remove()

    @contextmanager
    def shadow(self) -> Iterator[None]:
        """A pass inside counts as the one that has begun, although it runs without gradients: it stands for a compiled one."""
        self._put_on(self._modules)
        self._stack.append("")
        self._training = True
        self._mode.insert()
        self._mode.awake = True
        try:
            yield
        finally:
            self.remove()  # the compiled pass comes next; it would be compiled once more under hooks or a mode
            self._stack.clear()

    def returned(self, outputs: object) -> None:
        """The model has returned to the loop; what follows until `backward` is the loss."""
        tensors = floating_tensors(outputs)
        shown = next((t for t in tensors if t.ndim), None)
        if shown is not None:
            self._show(OutputSight(outputs=shown.detach()))
        if self.losses.muted:
            self.silence()
        else:
            self.losses.open(tensors, shown)
            self._listen()

    def begin(self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A training pass begins: the loop calls the model, or a part of it."""
        if name == "":
            self._calls.clear()
        else:
            self._roots.setdefault(name, module)
        self.passes += 1
        self._channels_first = False
        self.losses.close()
        inputs = next((a for a in (*args, *kwargs.values()) if isinstance(a, Tensor)), None)
        if inputs is not None:
            self._show(InputSight(inputs=inputs.detach()))
        self._show(ModesSight(modules=self._modules))

    def _on_enter(self, name: str, training: bool, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not self._stack:
            self._training = training
            if training:
                self.begin(name, module, args, kwargs)
                if not self._light:
                    self._listen()
        self._stack.append(name)

    def _listen(self) -> None:
        """Let the function mode see what is called from here to the update, unless compiled functions would notice."""
        if self.functions_seen:
            self._mode.insert()
            self._mode.awake = True

    def _on_leave(
        self, name: str, _training: bool, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: object
    ) -> None:
        while self._stack and self._stack.pop() != name:
            pass  # an exception went through modules that were not told
        if not self._training or is_recomputation():
            return
        if not self._light and is_measured(module):
            self._show_output(name, module, args, kwargs, output)
        if not self._stack:
            self.returned(output)

    def _show_output(self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: object) -> None:
        tensor = first_tensor(output)
        if tensor is None:
            return
        if has_own_parameters(module):
            self._channels_first = is_channels_first(module)
        call = self._calls[name]
        self._calls[name] += 1
        kind = activation_kind(module)
        self.firings.setdefault(name, Firing(name=name, output_shape=tuple(tensor.shape)))
        subject = f"{name}#{call}" if call else name
        if call < CALLS:
            self._show_forward(subject, module, kind, tensor, first_tensor((*args, *kwargs.values())))
        if call < CALLS or isinstance(module, nn.RNNCellBase):
            self._gradients.follow(subject, module, tensor)
        if isinstance(module, nn.RNNBase) and not call:
            self._sequences.follow(subject, module, args, kwargs, output)

    def _show_forward(self, subject: str, module: nn.Module, kind: str | None, output: Tensor, inputs: Tensor | None) -> None:
        self._show(
            ForwardSight(
                subject=subject,
                module=module,
                activation=kind,
                output=output.detach(),
                unit_dim=1 if self._channels_first and output.ndim > 2 else -1,
                inputs=None if inputs is None else inputs.detach(),
            )
        )

    def _on_call(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        self._guard(self._on_function, function, args, kwargs, result)

    def _on_function(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        if function is Tensor.backward:  # whatever follows is not the loss
            self._mode.awake = False
        elif is_recomputation():
            return
        elif not self._stack or function in LOSS_FUNCTIONS:  # some models compute their loss themselves
            self.losses.observe(function, args, kwargs, result)
        elif self._training and not self._light:
            self._show_function(self._stack[-1], function, args, kwargs, result)

    def _show_function(self, name: str, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        module = self._modules.get(name, self._model)
        kind = activation_of(function, args, kwargs)
        if kind is not None and activation_kind(module) is None:  # `nn.ReLU` calls `F.relu`: that would be the same twice
            tensor = first_tensor(result)
            subject = self._numbered(name, kind)
            if tensor is not None and subject is not None:
                self.firings.setdefault(subject, Firing(name=subject, output_shape=tuple(tensor.shape), function=kind))
                self._show_forward(subject, module, kind, tensor, None)
                self._gradients.follow(subject, module, tensor)
        elif function in ATTENTION:
            subject = self._numbered(name, "attention")
            sight = attention_sight(subject, function, args, kwargs) if subject is not None else None
            if sight is not None:
                self._show(sight)

    def _numbered(self, name: str, kind: str) -> str | None:
        """`block.3/relu#0` for the first such call inside a module; None when there have been enough of them."""
        subject = f"{name}/{kind}".lstrip("/")
        call = self._calls[subject]
        self._calls[subject] += 1
        return f"{subject}#{call}" if call < FUNCTION_CALLS else None


def _outside_compiled(model: nn.Module) -> dict[str, nn.Module]:
    """All modules by clean name, each once, but those inside a part that is compiled for itself."""
    hidden = compiled.compiled_parts(model) if not compiled.is_compiled(model) else {}
    return {
        clean_name(name): module
        for name, module in compiled.eager(model).named_modules()
        if not any(name == part or name.startswith(f"{part}.") for part in hidden)
    }
