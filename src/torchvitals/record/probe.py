"""A small fixed batch, looked at in evaluation mode without leaving a trace in the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from torchvitals.record.outline import first_tensor
from torchvitals.record.sights import ProbeSight

Probe = tuple[Any, Any]  # inputs and targets, as the loop would pass them to the model and to the loss


def look(model: nn.Module, probe: Probe, loss_fn: Callable[..., Any] | None) -> ProbeSight | None:
    """The outputs for the probe, and their loss where the loss is known; None when the model returns no tensor.

    Runs without gradients. Modes, buffers and the random number generators are as before when it returns.
    """
    inputs, targets = probe
    with _evaluation(model):
        result = model(*inputs) if isinstance(inputs, tuple) else model(inputs)
        outputs = first_tensor(result)
        loss = loss_fn(result, targets) if loss_fn is not None else None
    if outputs is None:
        return None
    return ProbeSight(outputs=outputs, loss=loss if isinstance(loss, Tensor) else None)


@contextmanager
def _evaluation(model: nn.Module) -> Iterator[None]:
    modes = {module: module.training for module in model.modules()}
    devices = {p.device for p in model.parameters() if p.device.type == "cuda"}
    try:
        model.eval()
        with torch.random.fork_rng(devices=sorted(devices, key=str)):
            yield
    finally:
        for module, training in modes.items():
            module.training = training
