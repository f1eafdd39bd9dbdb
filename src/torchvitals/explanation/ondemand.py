"""Everything there is to show about a network, outside of a training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from torchvitals.core.exhibits import Exhibits
from torchvitals.explanation.apart import apart, attempt
from torchvitals.explanation.attributions import occlude
from torchvitals.explanation.influence import self_influence
from torchvitals.explanation.leaf_calls import LeafCall, call, leaf_calls
from torchvitals.explanation.portray import portray
from torchvitals.explanation.replica import replica


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Look:
    """What was found, and the layers that were reached on the way."""

    exhibits: Exhibits
    calls: tuple[LeafCall, ...]


def look(
    model: nn.Module,
    inputs: object,
    targets: object = None,
    *,
    loss_fn: Callable[..., Any] | None = None,
    occlusion: bool = False,
    checkpoints: Sequence[str | Path] = (),
) -> Look:
    """Look at a copy of a model, from all sides; the model itself is not touched.

    Args:
        model: the network.
        inputs: what it is called with; a tuple is several arguments.
        targets: what its loss is called with; None: what needs them is left out.
        loss_fn: its loss.
        occlusion: also cover the inputs window by window, which takes some hundred passes.
        checkpoints: also rank the samples by their self-influence over these files.

    Raises:
        ConfigError: a checkpoint that is not of this model.
    """
    here = _device(model)
    given, wanted = moved(inputs, here), moved(targets, here)
    found = portray(model, given, wanted, loss_fn=loss_fn)
    copied: list[nn.Module] = []

    def copy_and_call() -> Exhibits:
        with apart(model), torch.no_grad():
            copied.append(replica(model))
            _, reached = leaf_calls(copied[0], lambda: call(copied[0], given))
            calls.extend(reached)
        return Exhibits()

    calls: list[LeafCall] = []
    failed = attempt("the model", copy_and_call)
    if failed.problems:
        return Look(exhibits=found if found.problems else found + failed, calls=())
    if occlusion:
        found += occlude(copied[0], given, wanted)
    if checkpoints and isinstance(wanted, Tensor):
        found += self_influence(copied[0], checkpoints, given, wanted, loss_fn)
    return Look(exhibits=found, calls=tuple(calls))


def moved(value: object, device: torch.device | None) -> object:
    """Tensors, alone or in a tuple, list or dict, on a device; None leaves them where they are."""
    if device is None:
        return value
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {key: moved(item, device) for key, item in value.items()}
    if isinstance(value, tuple | list) and type(value) in (tuple, list):
        return type(value)([moved(item, device) for item in value])
    return value


def _device(model: nn.Module) -> torch.device | None:
    return next((p.device for p in model.parameters()), None)
