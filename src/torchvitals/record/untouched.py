"""Run a model for our own purposes and leave no trace in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Inside, the model may be run in any mode; modes, buffers and the random number generators are put back afterwards.

    The pass works on copies of the buffers, so that the true ones are not even written to. What a user's `forward` counts in
    plain Python attributes cannot be put back.
    """
    modes = {module: module.training for module in model.modules()}
    places = [(module, name, buffer) for module in modes for name, buffer in module._buffers.items() if buffer is not None]
    devices = {p.device for p in model.parameters() if p.device.type == "cuda"}
    # Autocast keeps the cast weights of a pass; those made here know no gradient and would be used in training.
    cached = torch.is_autocast_cache_enabled()
    copies: dict[int, Tensor] = {}
    try:
        torch.set_autocast_cache_enabled(False)
        with torch.random.fork_rng(devices=sorted(devices, key=str)), torch.no_grad():
            for module, name, buffer in places:
                module._buffers[name] = copies.setdefault(id(buffer), buffer.clone())
            # Off while a callback of ours runs, but what the model creates belongs on the device of the loop's context.
            with torch._C._EnableTorchFunction():
                yield
    finally:
        torch.set_autocast_cache_enabled(cached)
        for module, name, buffer in places:
            module._buffers[name] = buffer
        for module, training in modes.items():
            module.training = training
