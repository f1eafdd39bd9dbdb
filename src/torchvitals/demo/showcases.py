"""Convolutional networks whose filters, feature maps and attributions are worth a look."""

from __future__ import annotations

import torch
from torch import nn, optim

from torchvitals.demo import data
from torchvitals.demo.scenarios import Scenario

PROBE = 24  # held-back samples that the network is looked at with
FAINT = 0.1  # of the usual initial weights: what a filter shows in the end it has learned
DEAD = 10  # of sixteen filters, which never fire


def showcases() -> tuple[Scenario, ...]:
    """Two whose filters form, one with dead filters, one that looks at the wrong thing."""
    return (
        Scenario(
            name="digit-filters",
            title="a small convolutional network that reads digits: its filters form",
            expected=None,
            module=None,
            build=_digits,
            data=data.digit_images,
            probe=PROBE,
        ),
        Scenario(
            name="photo-filters",
            title="a small convolutional network that tells patches of two photographs apart: filters in colour",
            expected=None,
            module=None,
            build=_photos,
            data=data.photo_patches,
            probe=PROBE,
        ),
        Scenario(
            name="dead-filters",
            title="ten of sixteen filters whose biases start far below zero",
            expected="dead-filters",
            module="conv1",
            build=_dead_filters,
            data=data.digit_images,
            probe=PROBE,
        ),
        Scenario(
            name="spurious-mark",
            title="a mark in the corner gives the answer away: all numbers look healthy, the attributions show where it looks",
            expected=None,
            module=None,
            build=_marked,
            data=data.marked_digits,
            probe=PROBE,
        ),
    )


def _network(channels: int, classes: int, kernel: int, side: int) -> nn.Sequential:
    """Two convolutions, each with ReLU and pooling, and a linear head."""
    network = nn.Sequential()
    network.add_module("conv1", nn.Conv2d(channels, 16, kernel, padding=kernel // 2))
    network.add_module("relu1", nn.ReLU())
    network.add_module("pool1", nn.MaxPool2d(2))
    network.add_module("conv2", nn.Conv2d(16, 24, 3, padding=1))
    network.add_module("relu2", nn.ReLU())
    network.add_module("pool2", nn.MaxPool2d(2))
    network.add_module("flatten", nn.Flatten())
    network.add_module("head", nn.Linear(24 * (side // 4) ** 2, classes))
    return network


def _faint(network: nn.Module) -> nn.Module:
    """With first filters that begin small."""
    with torch.no_grad():
        network.get_parameter("conv1.weight").mul_(FAINT)
    return network


def _with_adam(network: nn.Module) -> tuple[nn.Module, optim.Optimizer]:
    return network, optim.Adam(network.parameters(), lr=2e-3)


def _digits() -> tuple[nn.Module, optim.Optimizer]:
    return _with_adam(_faint(_network(1, 10, kernel=5, side=8)))


def _photos() -> tuple[nn.Module, optim.Optimizer]:
    return _with_adam(_faint(_network(3, 2, kernel=7, side=data.SIDE)))


def _dead_filters() -> tuple[nn.Module, optim.Optimizer]:
    network = _network(1, 10, kernel=5, side=8)
    with torch.no_grad():
        network.get_parameter("conv1.bias")[:DEAD] = -10.0
    return _with_adam(network)


def _marked() -> tuple[nn.Module, optim.Optimizer]:
    return _with_adam(_network(1, 2, kernel=3, side=8))
