"""The filters of a network as arrays and as pictures, straight from its weights."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from torchvitals.core.exhibits import Exhibits
from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.explanation.evenly import evenly
from torchvitals.explanation.layers import TRANSPOSED, convolutions, spread, weight_of
from torchvitals.explanation.mosaic import Pixels, mosaic
from torchvitals.explanation.sizes import LIMIT_BYTES

MOST_FILTERS = 64
MOST_CHANNELS = 8  # of a filter that is not coloured, in the picture
COLUMNS = 8
SMALLEST_SIDE = 7  # a linear layer with a square number of inputs below 7 x 7 is hardly one of pixels

MEASURES = (
    MeasureInfo(
        name="filter_weights", unit="", meaning="weights of up to 64 evenly chosen filters: filter, input channel, kernel"
    ),
    MeasureInfo(
        name="filters", unit="", meaning="picture of the same; without colour, zero is mid-grey and a column is a filter"
    ),
)

Array = NDArray[np.float32]


def filters(model: nn.Module, inputs: object = None) -> Exhibits:
    """The filters of the first convolution and of up to three more, spread over the depth, that look at more than one place.

    A network without a convolution has filters as well when its first layer is linear and sees images: `inputs`, of shape
    (N, C, H, W), or (N, D) with a square D of 49 at least.
    """
    kernels = {name: weight for name, c in convolutions(model).items() if (weight := filters_of(c)) is not None}
    if not kernels:
        return _of_linear(model, inputs)
    wide = {name for name, kernel in kernels.items() if kernel[0, 0].numel() > 1}
    found = Exhibits()
    for name in spread(kernels, wide):
        found += _exhibits(name, kernels[name])
    return found


def filters_of(convolution: nn.Module) -> Tensor | None:
    """The weights of a convolution as (F, C, *k): C input channels of the filter's own group; None when there are none.

    A transposed convolution keeps them as (inputs, F / groups, *k).
    """
    weight = weight_of(convolution)
    if weight is None or not isinstance(convolution, TRANSPOSED):
        return weight
    groups, kernel = convolution.groups, weight.shape[2:]
    split = weight.reshape(groups, weight.shape[0] // groups, weight.shape[1], *kernel)
    return split.transpose(1, 2).reshape(groups * weight.shape[1], -1, *kernel)


def image_shape(inputs: object, features: int) -> tuple[int, int, int] | None:
    """Channels, height and width of the images that these inputs are, where they have that many features each."""
    first = inputs[0] if isinstance(inputs, tuple) and inputs else inputs
    if not isinstance(first, Tensor):
        return None
    if first.ndim == 4 and first[0].numel() == features:
        return int(first.shape[1]), int(first.shape[2]), int(first.shape[3])
    if first.ndim == 3 and first[0].numel() == features:
        return 1, int(first.shape[1]), int(first.shape[2])
    side = round(features**0.5)
    square = first.ndim == 2 and first.shape[1] == features == side * side and side >= SMALLEST_SIDE
    return (1, side, side) if square else None


def _of_linear(model: nn.Module, inputs: object) -> Exhibits:
    for name, module in model.named_modules():
        if not isinstance(module, nn.Linear):
            continue
        weight, shape = weight_of(module), image_shape(inputs, module.in_features)
        if weight is None or shape is None:
            return Exhibits()  # the first linear layer it is, or none
        return _exhibits(name or "model", weight.reshape(-1, *shape))
    return Exhibits()


def _exhibits(name: str, kernels: Tensor) -> Exhibits:
    chosen = thinned(kernels)
    return Exhibits(
        tensors=((Tag(measure="filter_weights", subject=name), chosen),),
        images=((Tag(measure="filters", subject=name), picture(chosen)),),
    )


def thinned(kernels: Tensor) -> Array:
    """At most 64 filters (F, C, *k) within 256 kB: chosen evenly, then their input channels, then places of the kernel."""
    kept = kernels[evenly(len(kernels), MOST_FILTERS)]
    places = kept[0, 0].numel()
    room = LIMIT_BYTES // 4 // len(kept)
    kept = kept[:, evenly(kept.shape[1], max(room // places, min(kept.shape[1], 3)))]
    stride = 1
    while kept[..., ::stride].numel() // stride ** (kept.ndim - 3) * 4 > LIMIT_BYTES:
        stride += 1
    for dim in range(2, kept.ndim) if stride > 1 else ():
        kept = kept[(slice(None),) * dim + (slice(None, None, stride),)]
    return np.array(kept.to("cpu", torch.float32).numpy(), order="C")


def picture(kernels: Array) -> Pixels:
    """Filters (F, C, *k) as one picture.

    Three channels of a kernel with two dimensions are colours. Of any other number up to eight are shown, one below the other,
    a column being a filter; a single one makes a grid. A kernel with one dimension is a tile of its channels by its places; of
    one with three dimensions the middle slice is shown.
    """
    if kernels.ndim == 3:
        return mosaic(kernels[:, :MOST_CHANNELS], columns=COLUMNS, signed=True)
    if kernels.ndim == 5:
        kernels = kernels[:, :, kernels.shape[2] // 2]
    if kernels.shape[1] == 3:
        return mosaic(kernels.transpose(0, 2, 3, 1), columns=COLUMNS, signed=True)
    if kernels.shape[1] == 1:
        return mosaic(kernels[:, 0], columns=COLUMNS, signed=True)
    rows = kernels[:, :MOST_CHANNELS].transpose(1, 0, 2, 3)
    return mosaic(rows.reshape(-1, *kernels.shape[2:]), columns=len(kernels), signed=True)
