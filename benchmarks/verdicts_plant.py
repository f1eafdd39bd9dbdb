"""What can be done to a network before it is trained, well or badly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

Change = Callable[[Any], object]


def layers(model: nn.Module) -> list[nn.Module]:
    """Linear and convolutional layers in order."""
    return [m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d)]


def he(gain: float) -> Change:
    """He initialisation times a gain, no bias."""

    def change(model: nn.Module) -> None:
        for layer in layers(model):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            layer.weight.data.mul_(gain)
            nn.init.zeros_(layer.bias)

    return change


def normal(std: float) -> Change:
    """One deviation for all layers, whatever their width."""

    def change(model: nn.Module) -> None:
        for layer in layers(model):
            nn.init.normal_(layer.weight, std=std)

    return change


def constant(value: float) -> Change:
    """All weights alike, no bias."""

    def change(model: nn.Module) -> None:
        for layer in layers(model):
            nn.init.constant_(layer.weight, value)
            nn.init.zeros_(layer.bias)

    return change


def times(name: str, factor: float) -> Change:
    """One parameter multiplied."""
    return lambda model: model.get_parameter(name).data.mul_(factor)


def biased(name: str, value: float, share: float = 1.0) -> Change:
    """The bias of a share of a layer's units set."""

    def change(model: nn.Module) -> None:
        bias = model.get_parameter(f"{name}.bias").data
        bias[: int(share * len(bias))] = value

    return change


def empty_filters(name: str, share: float) -> Change:
    """A share of a convolution's filters is zero and stays it behind a ReLU."""

    def change(model: nn.Module) -> None:
        conv = model.get_submodule(name)
        n = int(share * len(conv.weight))
        conv.weight.data[:n] = 0.0
        conv.bias.data[:n] = -1.0

    return change


def twins(name: str, after: str, offset: int = 0) -> Change:
    """All filters of a convolution are copies of two, and what reads them cannot tell the copies apart."""

    def change(model: nn.Module) -> None:
        conv, reader = model.get_submodule(name), model.get_submodule(after)
        n = len(conv.weight)
        source = torch.arange(n) % 2
        conv.weight.data[:], conv.bias.data[:] = conv.weight.data[source].clone(), conv.bias.data[source].clone()
        read = reader.weight.data[:, offset : offset + n]
        read[:] = read[:, source].clone()

    return change


def sharp(factor: float) -> Change:
    """Queries and keys multiplied."""

    def change(model: nn.Module) -> None:
        for name, p in model.named_parameters():
            if name.endswith(("in_proj_weight", "qkv.weight")):
                p.data[: 2 * p.shape[1]] *= factor

    return change


def orthogonal(gain: float) -> Change:
    """Every singular value of the recurrent matrix is the gain."""
    return lambda m: nn.init.orthogonal_(m.rnn.weight_hh_l0, gain=gain)


def forgetful(model: nn.Module) -> None:
    """Forget gates that are shut."""
    for name in ("bias_ih_l0", "bias_hh_l0"):
        model.rnn.get_parameter(name).data[32:64] = -3.0
