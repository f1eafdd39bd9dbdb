"""L2 norms of many tensors, wherever they live."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor


def by_device(tensors: Sequence[Tensor]) -> dict[torch.device, list[int]]:
    """The positions of the tensors, by the device that holds them."""
    positions: dict[torch.device, list[int]] = defaultdict(list)
    for i, tensor in enumerate(tensors):
        positions[tensor.device].append(i)
    return positions


def l2_norms(tensors: Sequence[Tensor]) -> list[Tensor]:
    """‖t‖₂ of each tensor, in their order: 0-d float32, each on the device of its tensor.

    One fused call per device and dtype: the fast kernels of `_foreach_norm` take only lists that agree in both. Half
    precision is accumulated and returned in float32, where the norm of a large tensor does not overflow.
    """
    groups: dict[tuple[torch.device, torch.dtype], list[int]] = defaultdict(list)
    for i, tensor in enumerate(tensors):
        groups[tensor.device, tensor.dtype].append(i)
    norms: dict[int, Tensor] = {}
    for (_, dtype), positions in groups.items():
        wide = torch.promote_types(dtype, torch.float32)  # a norm refuses to narrow float64
        found = torch._foreach_norm([tensors[i] for i in positions], 2, dtype=wide)
        norms.update(zip(positions, found if wide == torch.float32 else (n.float() for n in found), strict=True))
    return [norms[i] for i in range(len(tensors))]


def together(norms: Sequence[Tensor]) -> Tensor:
    """√Σn² of 0-d norms on any devices, at least one, as a 0-d tensor.

    The parts meet on the first accelerator, if there is one: a copy to an accelerator does not wait for it, a copy from it
    to the host would.
    """
    parts = [_root_of_squares([norms[i] for i in positions]) for positions in by_device(norms).values()]
    if len(parts) == 1:
        return parts[0]
    home = next(part.device for part in parts if part.device.type != "cpu")
    return _root_of_squares([part.to(home, non_blocking=True) for part in parts])


def _root_of_squares(norms: Sequence[Tensor]) -> Tensor:
    size: Tensor = torch.linalg.vector_norm(torch.stack(list(norms)))
    return size
