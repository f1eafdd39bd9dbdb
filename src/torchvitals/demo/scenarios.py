"""The five networks of the demo. Each fault is one that people make."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import nn, optim

from torchvitals.demo.data import Data, digits

STEPS = 300
PIXELS, CLASSES = 64, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A network with its optimizer, and what torchvitals must say of it."""

    name: str  # folder of its log
    title: str  # what is wrong with it, in a few words
    expected: str | None  # symptom of the first finding; None: healthy
    module: str | None  # the layer the finding must name
    build: Callable[[], tuple[nn.Module, optim.Optimizer]]
    steps: int = STEPS
    data: Callable[[], Data] = digits
    probe: int = 0  # samples of those held back that the network is looked at with while it trains


def scenarios() -> tuple[Scenario, ...]:
    """The healthy one first."""
    return (
        Scenario(name="healthy", title="two hidden ReLU layers, Adam", expected=None, module=None, build=_healthy),
        Scenario(
            name="vanishing",
            title="eight sigmoid layers",
            expected="vanishing-gradient",
            module="hidden1",
            build=_vanishing,
        ),
        Scenario(
            name="dead-relu",
            title="a layer whose biases start far below zero",
            expected="dead-relu",
            module="relu2",
            build=_dead_relu,
        ),
        Scenario(
            name="diverging",
            title="a learning rate a thousand times too high",
            expected="learning-rate-too-high",
            module=None,
            build=_diverging,
        ),
        Scenario(
            name="forgotten-layer",
            title="one layer left out of the optimizer",
            expected="parameters-not-optimized",
            module="hidden2",
            build=_forgotten_layer,
        ),
    )


def _network(depth: int, activation: type[nn.Module], width: int = 64) -> nn.Sequential:
    name = activation.__name__.lower()
    network = nn.Sequential()
    for i in range(1, depth + 1):
        network.add_module(f"hidden{i}", nn.Linear(PIXELS if i == 1 else width, width))
        network.add_module(f"{name}{i}", activation())
    network.add_module("head", nn.Linear(width, CLASSES))
    return network


def _healthy() -> tuple[nn.Module, optim.Optimizer]:
    network = _network(2, nn.ReLU)
    return network, optim.Adam(network.parameters(), lr=1e-3)


def _vanishing() -> tuple[nn.Module, optim.Optimizer]:
    network = _network(8, nn.Sigmoid)
    return network, optim.SGD(network.parameters(), lr=0.1)


def _dead_relu() -> tuple[nn.Module, optim.Optimizer]:
    network = _network(3, nn.ReLU)
    nn.init.constant_(network.get_submodule("hidden2").get_parameter("bias"), -3.0)
    return network, optim.SGD(network.parameters(), lr=0.05)


def _diverging() -> tuple[nn.Module, optim.Optimizer]:
    network = _network(3, nn.ReLU)
    return network, optim.SGD(network.parameters(), lr=100.0, momentum=0.9)


def _forgotten_layer() -> tuple[nn.Module, optim.Optimizer]:
    network = _network(3, nn.ReLU)
    kept: Iterable[torch.Tensor] = (p for name, p in network.named_parameters() if not name.startswith("hidden2"))
    return network, optim.Adam(kept, lr=1e-3)
