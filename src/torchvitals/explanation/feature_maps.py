"""What layers answer to the probe: maps of a few samples, and how often each filter is active over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from torchvitals.core.exhibits import Exhibits
from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.explanation.evenly import evenly
from torchvitals.explanation.layers import clean_name, convolutions, spread
from torchvitals.explanation.leaf_calls import call, first_floating
from torchvitals.explanation.mosaic import Pixels, mosaic

SAMPLES = 4
CHANNELS = 16
SIDE = 32  # pixels of a map: 4 samples of 16 channels then fill the 256 kB that a tensor of the log may have
LENGTH = 256  # places of a map with one dimension
NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm)

MEASURES = (
    MeasureInfo(
        name="feature_map_values",
        unit="",
        meaning="outputs of up to 16 evenly chosen channels for 4 probe samples, averaged down to 32 x 32 places",
    ),
    MeasureInfo(name="feature_maps", unit="", meaning="picture of the same; a row is a sample, a column a channel"),
    MeasureInfo(
        name="filter_activity",
        unit="fraction",
        meaning="places of the probe where a filter, after a normalisation that follows it, is above 0",
    ),
)

Array = NDArray[np.float32]


class Outputs:
    """Outputs of the first call of each layer, kept while a pass runs.

    A rectifier passes on what is above 0, so a filter's activity is known before it; only a normalisation in between matters.
    It is told by the identity of the tensor, and by its version: the output of a rectifier in place is no longer the filter's.
    """

    def __init__(self, shown: Sequence[str], filters: Sequence[str]) -> None:
        self.maps: dict[str, Tensor] = {}
        self.activity: dict[str, Tensor] = {}
        self._shown, self._filters = shown, filters
        self._following: dict[int, tuple[str, Tensor, int]] = {}  # by id, which is not given anew while the tensor is kept

    def __call__(self, name: str, module: nn.Module, args: tuple[Any, ...], output: object) -> None:
        """A layer has returned."""
        tensor = first_floating(output)
        if tensor is None or tensor.ndim < 3 or not tensor.numel():
            return
        if name in self._shown and name not in self.maps:
            self.maps[name] = shrunk(tensor)
        if name in self._filters and name not in self.activity:
            self._note(name, tensor)
        elif isinstance(module, NORMS) and args and id(args[0]) in self._following:
            followed, before, version = self._following.pop(id(args[0]))
            if before._version == version and before.shape == tensor.shape:
                self._note(followed, tensor)

    def _note(self, name: str, tensor: Tensor) -> None:
        places = [d for d in range(tensor.ndim) if d != 1]
        self.activity[name] = (tensor > 0).float().mean(dim=places)
        self._following[id(tensor)] = name, tensor, tensor._version


def feature_maps(model: nn.Module, inputs: object, layers: Sequence[str] | None = None) -> Exhibits:
    """Maps of the named layers, or of the first convolution and up to three more, and the activity of every convolution.

    Raises:
        KeyError: a named layer that there is not.
    """
    modules = {clean_name(name) or "model": module for name, module in model.named_modules()}
    names = list(convolutions(model))
    chosen = list(layers) if layers is not None else spread(names) if names else []
    unknown = [name for name in chosen if name not in modules]
    if unknown:
        raise KeyError(f"the network has no layer {', '.join(unknown)}")
    if not chosen:
        return Exhibits()
    outputs = Outputs(chosen, names)
    _run(model, inputs, modules, outputs)
    maps = {name: outputs.maps[name].numpy() for name in chosen if name in outputs.maps}
    activity = ((Tag(measure="filter_activity", subject=n), a.cpu().numpy()) for n, a in outputs.activity.items())
    return Exhibits(
        vectors=tuple(activity),
        tensors=tuple((Tag(measure="feature_map_values", subject=n), values) for n, values in maps.items()),
        images=tuple((Tag(measure="feature_maps", subject=n), picture(values)) for n, values in maps.items()),
    )


def shrunk(output: Tensor) -> Tensor:
    """Up to 4 samples and 16 channels of (N, C, *places) on the host as (N, C, h, w) or (N, C, L), averaged down.

    Of three dimensions the middle slice is taken.
    """
    if output.ndim == 5:
        output = output[:, :, output.shape[2] // 2]
    kept = output[:SAMPLES, evenly(output.shape[1], CHANNELS)].detach().float()
    if kept.ndim == 4 and max(kept.shape[2:]) > SIDE:
        kept = functional.adaptive_avg_pool2d(kept, (min(kept.shape[2], SIDE), min(kept.shape[3], SIDE)))
    elif kept.ndim == 3 and kept.shape[2] > LENGTH:
        kept = functional.adaptive_avg_pool1d(kept, LENGTH)
    return kept.to("cpu", copy=True)  # of its own: what follows in the network may work in place


def picture(maps: Array) -> Pixels:
    """Maps (N, C, h, w) as a row a sample and a column a channel; (N, C, L) as one tile a sample, a line a channel."""
    if maps.ndim == 3:
        return mosaic(maps, columns=1)
    return mosaic(maps.reshape(-1, *maps.shape[2:]), columns=maps.shape[1])


def _run(model: nn.Module, inputs: object, modules: dict[str, nn.Module], outputs: Outputs) -> None:
    def hook(name: str) -> Any:
        return lambda module, args, output: outputs(name, module, args, output)

    handles = [module.register_forward_hook(hook(name)) for name, module in modules.items()]
    try:
        with torch.no_grad():
            call(model, inputs)
    finally:
        for handle in handles:
            handle.remove()
