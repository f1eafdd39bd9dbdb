"""Activations of a compiled model: the uncompiled one runs beside it.

Hooks added to compiled code are not called, or make it compile anew. So on a sampled step the model that was compiled runs
once more as it was written, hooked, without gradients and without a trace, just before the compiled call. The training stays
the same to the last bit, also under inductor, whose kernels round differently.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from torch import nn

from torchvitals.record.compiled import eager
from torchvitals.record.forward import ForwardHooks
from torchvitals.record.guard import log
from torchvitals.record.hooks import Guard, Handles, PassHook
from torchvitals.record.untouched import untouched


class ShadowPass:
    """Sits around the calls of a compiled model on sampled steps."""

    def __init__(self, model: nn.Module, forward: ForwardHooks, guard: Guard) -> None:
        self._model = model
        self._eager = eager(model)
        self._forward = forward
        self._guard = guard
        self._handles = Handles()
        self._replaced: Callable[..., Any] | None = None
        self._light = False
        self.failure = ""  # why there are no shadow passes any more

    def attach(self, *, light: bool) -> None:
        """Watch the calls; with `light` only for what the model returns."""
        self._light = light
        if self._model is self._eager:  # `model.compile()`: its own hooks are inside the compiled code
            original: Callable[..., Any] | None = self._model._compiled_call_impl
            self._replaced = original
            self._model._compiled_call_impl = functools.partial(self._call, original)
            return
        enter, leave = PassHook(self._guard, self._on_call), PassHook(self._guard, self._on_return)
        self._handles.add(self._model.register_forward_pre_hook(enter, with_kwargs=True))
        self._handles.add(self._model.register_forward_hook(leave))

    def remove(self) -> None:
        """Leave the calls alone."""
        self._handles.remove()
        if self._replaced is not None:
            self._model._compiled_call_impl, self._replaced = self._replaced, None

    def _call(self, original: Any, *args: Any, **kwargs: Any) -> Any:
        PassHook(self._guard, self._on_call)(self._model, args, kwargs)
        output = original(*args, **kwargs)
        PassHook(self._guard, self._on_return)(self._model, args, output)
        return output

    def _on_call(self, training: bool, _model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._forward.silence()
        if not training:
            return
        self._forward.begin("", self._model, args, kwargs)
        if self._light or self.failure:
            return
        run: Callable[..., Any] = self._eager._call_impl  # not `__call__`, which may be the compiled one
        try:
            with untouched(self._eager), self._forward.shadow():
                run(*args, **kwargs)
        except Exception as error:
            self.failure = f"the uncompiled model raised {type(error).__name__}: {error}"
            log.warning("torchvitals records no activations: %s", self.failure)

    def _on_return(self, training: bool, _model: nn.Module, _args: object, output: object) -> None:
        if training:
            self._forward.returned(output)
