"""Which layers a forward pass reaches, in which order, and how wide they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LeafCall:
    """One call of a module without children."""

    name: str  # qualified
    module: nn.Module
    input_shape: tuple[int, ...]  # of the first tensor it was given; () when there is none
    output_shape: tuple[int, ...]

    def features(self) -> int:
        """Numbers it puts out for one sample."""
        return int(torch.Size(self.output_shape[1:]).numel())


def call(model: nn.Module, inputs: object) -> Any:
    """Call a model as a training loop does: a tuple is several arguments."""
    return model(*inputs) if isinstance(inputs, tuple) else model(inputs)


def first_floating(output: object) -> Tensor | None:
    """The first floating tensor of an output: itself, or inside a tuple, list, dict or dataclass; None when there is none."""
    if isinstance(output, Tensor):
        return output if output.is_floating_point() else None
    items: Iterable[object] = ()
    if isinstance(output, dict):
        items = output.values()
    elif isinstance(output, tuple | list):
        items = output
    elif dataclasses.is_dataclass(output) and not isinstance(output, type):
        items = [getattr(output, field.name) for field in dataclasses.fields(output)]
    return next((found for item in items if (found := first_floating(item)) is not None), None)


def leaf_calls(model: nn.Module, run: Callable[[], object]) -> tuple[Any, tuple[LeafCall, ...]]:
    """What `run` returns, and the calls of leaf modules it makes, in order; the hooks are off again afterwards."""
    calls: list[LeafCall] = []
    handles = []
    for name, module in model.named_modules():
        if name and next(module.children(), None) is None:

            def note(module: nn.Module, args: Any, output: Any, name: str = name) -> None:
                tensor = first_floating(output)
                if tensor is not None and tensor.ndim:
                    given = next((a for a in args if isinstance(a, Tensor)), None)
                    shape = () if given is None else tuple(given.shape)
                    calls.append(LeafCall(name=name, module=module, input_shape=shape, output_shape=tuple(tensor.shape)))

            handles.append(module.register_forward_hook(note))
    try:
        result = run()
    finally:
        for handle in handles:
            handle.remove()
    return result, tuple(calls)


def penultimate(calls: Sequence[LeafCall]) -> LeafCall | None:
    """What the head is given: the call before the last layer with parameters of its own; None when there is no such call."""
    weighted = [i for i, c in enumerate(calls) if next(c.module.parameters(recurse=False), None) is not None]
    return calls[weighted[-1] - 1] if weighted and weighted[-1] > 0 else None


def narrowest(calls: Sequence[LeafCall], samples: int) -> LeafCall | None:
    """The first of the calls that put out the fewest numbers a sample: the code of an autoencoder."""
    batches = [c for c in calls if len(c.output_shape) > 1 and c.output_shape[0] == samples]
    return min(batches, key=LeafCall.features, default=None)


def output_of(layer: nn.Module, run: Callable[[], object]) -> Tensor | None:
    """What a layer puts out in its last call while `run` goes on, before anything is done to it in place."""
    found: list[Tensor] = []

    def keep(_module: nn.Module, _args: Any, output: Any) -> None:
        tensor = first_floating(output)
        if tensor is not None:
            found[:] = [tensor.clone()]

    handle = layer.register_forward_hook(keep)
    try:
        run()
    finally:
        handle.remove()
    return found[0] if found else None
