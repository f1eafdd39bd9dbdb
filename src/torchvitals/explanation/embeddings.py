"""Where the network puts the samples of the probe, as its head sees them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from torchvitals.core.exhibits import Exhibits
from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.explanation.evenly import evenly
from torchvitals.explanation.leaf_calls import call, first_floating, leaf_calls, penultimate

SAMPLES = 256
FEATURES = 256

MEASURES = (
    MeasureInfo(
        name="embedding_values",
        unit="",
        meaning="what the head is given for up to 256 probe samples: sample, up to 256 evenly chosen features",
    ),
)


def embeddings(model: nn.Module, inputs: object) -> Exhibits:
    """What the last layer with weights is given, flattened, under the name of the layer before it; nothing in other networks.

    What is done between the two without a layer, a mean over time, say, is contained.
    """
    with torch.no_grad():
        _, calls = leaf_calls(model, lambda: call(model, inputs))
    before = penultimate(calls)
    if before is None:
        return Exhibits()
    head = next(c.module for c in reversed(calls) if next(c.module.parameters(recurse=False), None) is not None)
    given = _given_to(head, model, inputs)
    if given is None or given.ndim < 2 or not given.numel():
        return Exhibits()
    flat = given[:SAMPLES].flatten(1)
    values: NDArray[np.float32] = np.array(flat[:, evenly(flat.shape[1], FEATURES)].to("cpu", torch.float32).numpy(), order="C")
    return Exhibits(tensors=((Tag(measure="embedding_values", subject=before.name), values),))


def _given_to(head: nn.Module, model: nn.Module, inputs: object) -> Tensor | None:
    found: list[Tensor] = []

    def keep(_module: nn.Module, args: tuple[Any, ...]) -> None:
        tensor = first_floating(args)
        if tensor is not None:
            found[:] = [tensor.detach().clone()]

    handle = head.register_forward_pre_hook(keep)
    try:
        with torch.no_grad():
            call(model, inputs)
    finally:
        handle.remove()
    return found[0] if found else None
