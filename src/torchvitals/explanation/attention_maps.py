"""Who attends to whom: the weights that attention modules form for the probe."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from torchvitals.core.exhibits import Exhibits
from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.explanation.evenly import evenly
from torchvitals.explanation.layers import MOST, clean_name
from torchvitals.explanation.leaf_calls import call
from torchvitals.explanation.mosaic import mosaic

SAMPLES = 4
HEADS = 8
PLACES = 45  # queries and keys: 4 samples of 8 heads of 45 x 45 weights are 253 kB, and a tensor may have 256 kB

MEASURES = (
    MeasureInfo(
        name="attention_values",
        unit="fraction",
        meaning="attention weights of 4 probe samples: sample, head, query, key; up to 8 heads and the first 45 places",
    ),
    MeasureInfo(name="attention_map", unit="", meaning="picture of the same; a row is a sample, a column a head"),
)

_SIGNATURE = inspect.signature(nn.MultiheadAttention.forward)
Weights = NDArray[np.float32]


def attention_maps(model: nn.Module, inputs: object) -> Exhibits:
    """The weights of up to four `nn.MultiheadAttention`, spread over the depth, those of transformer layers among them.

    Each is named by its call, `<module>/attention#0`, as the other measures of attention are.
    """
    modules = {clean_name(name): m for name, m in model.named_modules() if type(m) is nn.MultiheadAttention}
    chosen = [list(modules)[i] for i in evenly(len(modules), MOST)]
    found: dict[str, Weights] = {}
    handles = [handle for name in chosen for handle in _listen(modules[name], f"{name}/attention#0".lstrip("/"), found)]
    try:
        with torch.no_grad(), _no_fast_path():
            if handles:
                call(model, inputs)
    finally:
        for handle in handles:
            handle.remove()
    return Exhibits(
        tensors=tuple((Tag(measure="attention_values", subject=n), w) for n, w in found.items()),
        images=tuple(
            (Tag(measure="attention_map", subject=n), mosaic(w.reshape(-1, *w.shape[2:]), columns=w.shape[1]))
            for n, w in found.items()
        ),
    )


def kept(weights: Tensor) -> Weights:
    """Up to 4 samples, 8 evenly chosen heads, and the first places of (N, heads, Q, K), on the host."""
    chosen = weights[:SAMPLES, evenly(weights.shape[1], HEADS), :PLACES, :PLACES]
    return np.array(chosen.to("cpu", torch.float32).numpy(), order="C")


def _listen(module: nn.Module, name: str, found: dict[str, Weights]) -> Iterator[Any]:
    """Ask the module for the weights of each head, which it forms only then."""

    def ask(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        bound = _SIGNATURE.bind(module, *args, **kwargs)
        bound.arguments.update(need_weights=True, average_attn_weights=False)
        return bound.args[1:], bound.kwargs

    def take(_module: nn.Module, _args: Any, _kwargs: Any, output: tuple[Tensor, Tensor | None]) -> None:
        weights = output[1]
        if weights is not None and name not in found and weights.numel():
            found[name] = kept(weights.detach() if weights.ndim == 4 else weights.detach().unsqueeze(0))

    yield module.register_forward_pre_hook(ask, with_kwargs=True)
    yield module.register_forward_hook(take, with_kwargs=True)


@contextmanager
def _no_fast_path() -> Iterator[None]:
    """In eval mode transformer layers do everything in one kernel, which never calls the attention inside them."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
