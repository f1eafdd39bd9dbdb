"""Keeps, until the update, what is needed to ask how far back in time the gradient of a recurrent layer reaches."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from torchvitals.record.hooks import Guard, Handles, Hook
from torchvitals.record.sights import RecurrentSight

State = Tensor | tuple[Tensor, Tensor] | None


@dataclass(slots=True, kw_only=True)
class Call:
    """One call of an RNN, LSTM or GRU."""

    module: nn.RNNBase
    inputs: Tensor
    state: State
    output: Tensor
    gradients: dict[str, Tensor] = field(default_factory=dict)  # that came back, to `output` and to `last`

    @property
    def time_dim(self) -> int:
        """Which dimension of the output is time."""
        return 1 if self.module.batch_first and self.output.ndim == 3 else 0

    def output_gradient(self) -> Tensor:
        """The gradient with respect to the output, whichever way it came.

        The last state of the top layer is the output at the last step (of the reverse direction: at the first), and many
        networks read nothing but that.
        """
        whole = self.gradients.get("output")
        gradient = torch.zeros_like(self.output) if whole is None else whole.clone()
        last = self.gradients.get("last")
        if last is not None:
            directions = 2 if self.module.bidirectional else 1
            width = gradient.shape[-1] // directions
            for direction, part in enumerate(last[-directions:].unbind(0)):
                step = gradient.select(self.time_dim, 0 if direction else -1)
                step.narrow(-1, direction * width, width).add_(part)
        return gradient


class SequenceGradients:
    """Follows the first call of each recurrent layer in a pass. It costs memory: the whole output is kept."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._handles = Handles()
        self._calls: dict[str, Call] = {}
        self.wanted = False

    def follow(self, subject: str, module: nn.RNNBase, args: tuple[Any, ...], kwargs: dict[str, Any], result: object) -> None:
        """Wait for the gradients of a call's output and last state; packed sequences are passed over."""
        inputs = args[0] if args else kwargs.get("input")
        state = args[1] if len(args) > 1 else kwargs.get("hx")
        if not (self.wanted and isinstance(result, tuple) and isinstance(inputs, Tensor) and isinstance(result[0], Tensor)):
            return
        output, last = result
        call = Call(module=module, inputs=inputs.detach(), state=_detached(state), output=output.detach())
        self._calls[subject] = call
        for name, tensor in (("output", output), ("last", last[0] if isinstance(last, tuple) else last)):
            if tensor.grad_fn is not None:
                hook = Hook(self._guard, functools.partial(self._on_gradient, call, name))
                self._handles.add(tensor.register_hook(hook))

    def take(self, unscale: Callable[[Tensor], Tensor]) -> list[RecurrentSight]:
        """The calls to which a gradient has come back."""
        return [
            RecurrentSight(
                subject=subject,
                module=call.module,
                inputs=call.inputs,
                state=call.state,
                output=call.output,
                output_gradient=unscale(call.output_gradient()),
            )
            for subject, call in self._calls.items()
            if call.gradients
        ]

    def remove(self) -> None:
        """Take the hooks off and let go of what was kept."""
        self._handles.remove()
        self._calls.clear()

    def _on_gradient(self, call: Call, name: str, gradient: Tensor) -> None:
        call.gradients[name] = gradient.detach().clone()


def _detached(state: object) -> State:
    if isinstance(state, tuple):
        return state[0].detach(), state[1].detach()
    return state.detach() if isinstance(state, Tensor) else None
