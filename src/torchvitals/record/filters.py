"""The filters of a convolution: one for each channel that it puts out, whatever way the module stores them."""

from __future__ import annotations

from torch import Tensor
from torch.nn.modules.conv import _ConvNd

from torchvitals.record.thinning import thin

FILTERS = 512  # of a layer that are looked at
SKETCHED = 4096  # elements of all filters of a layer by which their change is measured


def weight_of(module: _ConvNd) -> Tensor | None:
    """The weight, detached, where it is a parameter of the module's own; None where it is computed from others, or empty."""
    weight = module._parameters.get("weight")
    if weight is None or weight.ndim != len(module.kernel_size) + 2 or weight.numel() == 0:
        return None
    return weight.detach()


def filters_of(module: _ConvNd, weight: Tensor) -> Tensor:
    """The filters of a convolution as (F, C, *k), C channels of its group's input each; a view where that is possible.

    At most `FILTERS`, evenly chosen: 0, s, 2s, … with the step of `filter_step`. A transposed convolution stores
    (in, out / groups, *k): the filter of a channel that it puts out lies along dimension 0 of its group's block.
    """
    if module.transposed:
        groups, shape = module.groups, weight.shape
        blocks = weight.reshape(groups, shape[0] // groups, *shape[1:]).transpose(1, 2)
        weight = blocks.reshape(groups * shape[1], shape[0] // groups, *shape[2:])
    return weight[:: filter_step(weight.shape[0])]


def filter_step(filters: int) -> int:
    """Every how many filters of a layer one is looked at.

    Example:
        >>> filter_step(64), filter_step(512), filter_step(513)
        (1, 1, 2)
    """
    return -(-filters // FILTERS)


def sketch_of(filters: Tensor) -> Tensor:
    """The same few elements of each filter (F, C, *k) every time, as a float32 copy (F, E) with F·E ≤ `SKETCHED`."""
    rows = filters.flatten(1)
    return thin(rows, FILTERS, max(SKETCHED // rows.shape[0], 1)).float().clone()
