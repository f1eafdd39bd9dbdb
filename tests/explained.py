"""What the tests of explanations share: small networks in eval mode, and everything about one that must not change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from torchvitals.core.exhibits import Exhibits


def convnet(classes: int = 3, channels: int = 2) -> nn.Module:
    """Images (N, C, 8, 8) to classes, with batch norm and a ReLU that works in place."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(channels, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(6, classes),
    )
    net(torch.randn(32, channels, 8, 8))  # running statistics of something
    return net.eval()


def sharp() -> nn.Module:
    """The same, sure of itself to many degrees, and of every class for some pictures."""
    model = convnet()
    with torch.no_grad():
        model[-1].weight *= 60
        model[-1].bias -= model(torch.randn(64, 2, 8, 8, generator=torch.Generator().manual_seed(14))).mean(dim=0)
    return model


def table_net(outputs: int = 1) -> nn.Module:
    """Features (N, 5) to numbers."""
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, outputs)).eval()


class Reader(nn.Module):
    """Tokens (N, T) to classes."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(20, 6, padding_idx=2)
        self.recurrent = nn.GRU(6, 5, batch_first=True)
        self.head = nn.Linear(5, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        states, _ = self.recurrent(self.words(tokens))
        return self.head(states[:, -1])


def reader() -> nn.Module:
    torch.manual_seed(2)
    return Reader().eval()


def autoencoder(code: int = 3) -> nn.Module:
    """Features (N, 16) to a code and back."""
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, code), nn.Linear(code, 8), nn.ReLU(), nn.Linear(8, 16)
    ).eval()


class Reused(nn.Module):
    """One ReLU called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(5, 6), nn.Linear(6, 4), nn.Linear(4, 3)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.relu(self.second(self.relu(self.first(x)))))


class Raising(nn.Module):
    """A network that cannot be run."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, _x: Tensor) -> Tensor:
        raise RuntimeError("no pass\ntoday")


def traces(model: nn.Module) -> tuple[Any, ...]:
    """Weights, buffers, gradients, modes, hooks, and the generator's state, as something to compare."""
    tensors = {name: t.detach().numpy().tobytes() for name, t in model.state_dict(keep_vars=True).items()}
    grads = {name: p.grad is None for name, p in model.named_parameters()}
    wants = {name: p.requires_grad for name, p in model.named_parameters()}
    modes = [m.training for m in model.modules()]
    hooks = [(len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks)) for m in model.modules()]
    return tensors, grads, wants, modes, hooks, torch.get_rng_state().numpy().tobytes(), torch.is_grad_enabled()


def unchanged(model: nn.Module, call: Callable[[], Exhibits]) -> Exhibits:
    """What a call returns, when it has left everything as it was."""
    before = traces(model)
    found = call()
    assert traces(model) == before
    return found


def scalar(found: Exhibits, tag: str) -> float:
    return {str(t): v for t, v in found.scalars}[tag]


def vector(found: Exhibits, tag: str) -> NDArray[np.float32]:
    return {str(t): v for t, v in found.vectors}[tag]


def tensor(found: Exhibits, tag: str) -> NDArray[np.float32]:
    return {str(t): v for t, v in found.tensors}[tag]


def image(found: Exhibits, tag: str) -> NDArray[np.uint8]:
    return {str(t): v for t, v in found.images}[tag]


def tags(found: Exhibits) -> set[str]:
    return {str(tag) for group in (found.scalars, found.vectors, found.tensors, found.images) for tag, _ in group}
