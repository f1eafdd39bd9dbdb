"""A copy of a network that can be run, differentiated and hooked without the network knowing."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn, optim
from torch.nn.parallel import DataParallel, DistributedDataParallel
from torch.utils.data import DataLoader, Dataset

LARGEST = 50_000_000  # parameters: a copy of more takes 200 MB and a tenth of a second
# What a module may refer to that is not part of the network: trainers, loggers and data. It is not copied.
FOREIGN = (optim.Optimizer, DataLoader, Dataset)
FOREIGN_PACKAGES = ("lightning", "pytorch_lightning", "tensorboard", "tensorboardX", "torchvitals", "wandb")
HOOKS = frozenset(name for name in vars(nn.Module()) if "_hooks" in name)
SHARDED = ("DTensor", "FlatParameter", "ShardedTensor")


class ReplicaError(Exception):
    """No copy of the network can be made."""


class Wrapped(nn.Module):
    """What stands in a copy for `DistributedDataParallel`, whose passes would wait for those of other processes."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call what is wrapped."""
        return self.module(*args, **kwargs)


def replica(model: nn.Module) -> nn.Module:
    """A copy in eval mode, on the same device, without hooks; what `torch.compile` had wrapped runs uncompiled in it.

    Raises:
        ReplicaError: the network is too large, or its weights are spread over several processes.
        Exception: whatever an attribute raises that cannot be copied.
    """
    _refuse(model)
    memo: dict[int, Any] = {}
    for module in model.modules():
        memo.update(_not_copied(module))
    return _copied(model, memo).eval()


def _refuse(model: nn.Module) -> None:
    parameters = list(model.parameters())
    total = sum(p.numel() for p in parameters)
    if total > LARGEST:
        raise ReplicaError(f"the network has {total} parameters, and no copy of more than {LARGEST} is made")
    if any(type(p).__name__ in SHARDED for p in parameters):
        raise ReplicaError("the weights of the network are spread over several processes")


def _copied(model: nn.Module, memo: dict[int, Any]) -> nn.Module:
    """A deep copy in which wrappers are replaced, the innermost first."""
    for module in reversed(list(model.modules())):
        if "_orig_mod" in module._modules:
            memo[id(module)] = copy.deepcopy(module._orig_mod, memo)
        elif isinstance(module, DataParallel | DistributedDataParallel):
            memo[id(module)] = Wrapped(copy.deepcopy(module.module, memo))
    copied: nn.Module = copy.deepcopy(model, memo)
    return copied


def _not_copied(module: nn.Module) -> Iterator[tuple[int, Any]]:
    """What `deepcopy` finds instead of some objects, by their id: it takes these for copies that it has made already."""
    for name, value in vars(module).items():
        if name in HOOKS:
            yield id(value), OrderedDict()
        elif _is_foreign(value):
            yield id(value), value
        elif isinstance(value, Tensor) and not value.is_leaf:  # a weight that a hook computes, or something kept for later
            yield id(value), value.detach().clone()


def _is_foreign(value: object) -> bool:
    package = type(value).__module__.partition(".")[0]
    return isinstance(value, FOREIGN) or (package in FOREIGN_PACKAGES and not isinstance(value, nn.Module))
