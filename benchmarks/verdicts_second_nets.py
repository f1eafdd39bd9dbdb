"""The networks of the second set: none of them is in the first."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def waves(
    *, activation: Callable[[], nn.Module] = nn.ELU, classes: int = 3, norm: bool = True, width: int = 16
) -> nn.Sequential:
    """Convolutions along time: (N, 1, 64) to (N, classes)."""
    net = nn.Sequential()
    for i, (n, m) in enumerate(((1, width), (width, width), (width, 2 * width)), start=1):
        net.add_module(f"conv{i}", nn.Conv1d(n, m, 5, stride=2, padding=2))
        if norm:
            net.add_module(f"norm{i}", nn.BatchNorm1d(m))
        net.add_module(f"act{i}", activation())
    net.add_module("pool", nn.AdaptiveAvgPool1d(4))
    net.add_module("flatten", nn.Flatten())
    net.add_module("head", nn.Linear(8 * width, classes))
    return net


def separable(*, activation: Callable[[], nn.Module] = nn.ReLU6, classes: int = 4) -> nn.Sequential:
    """Depth-wise and point-wise convolutions with group norm on colour images: (N, 3, 16, 16) to (N, classes)."""
    net = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.GroupNorm(4, 16), activation())
    for _ in range(2):
        net.extend(
            [nn.Conv2d(16, 16, 3, stride=2, padding=1, groups=16), nn.Conv2d(16, 16, 1), nn.GroupNorm(4, 16), activation()]
        )
    return net.extend([nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, classes)])


class Dense(nn.Module):
    """Every layer reads all before it (Huang et al., 2017, arXiv:1608.06993): (N, 3, 16, 16) to (N, classes)."""

    def __init__(self, classes: int = 4, growth: int = 6, norm: Callable[[int], nn.Module] = nn.BatchNorm2d) -> None:
        super().__init__()
        widths = [3 + growth * i for i in range(4)]
        self.convs = nn.ModuleList(nn.Conv2d(w, growth, 3, padding=1) for w in widths)
        self.norms = nn.ModuleList(norm(growth) for _ in widths)
        self.acts = nn.ModuleList(nn.ReLU() for _ in widths)
        self.head = nn.Linear(4 * (3 + 4 * growth), classes)

    def forward(self, x: Tensor) -> Tensor:
        """Halved once, averaged at the end."""
        x = F.avg_pool2d(x, 2)
        for conv, norm, act in zip(self.convs, self.norms, self.acts, strict=True):
            x = torch.cat([x, act(norm(conv(x)))], dim=1)
        return self.head(F.adaptive_avg_pool2d(x, 2).flatten(1))


class Mixer(nn.Module):
    """Layers across the rows, then across the columns (Tolstikhin et al., 2021, arXiv:2105.01601): (N, 8, 8) to (N, 10)."""

    def __init__(self, width: int = 32, blocks: int = 2) -> None:
        super().__init__()
        self.embed = nn.Linear(8, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2 * blocks))
        self.across = nn.ModuleList(nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8)) for _ in range(blocks))
        self.down = nn.ModuleList(nn.Sequential(nn.Linear(width, 64), nn.GELU(), nn.Linear(64, width)) for _ in range(blocks))
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Both with a shortcut."""
        x = self.embed(x)
        for i, (across, down) in enumerate(zip(self.across, self.down, strict=True)):
            x = x + across(self.norms[2 * i](x).transpose(1, 2)).transpose(1, 2)
            x = x + down(self.norms[2 * i + 1](x))
        return self.head(x.mean(dim=1))


class Vision(nn.Module):
    """A vision transformer with a class token on 4×4 patches, normalised after: (N, 3, 16, 16) to (N, classes)."""

    def __init__(self, classes: int = 4, width: int = 32, layers: int = 3) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, stride=4)
        self.token, self.place = nn.Parameter(torch.zeros(1, 1, width)), nn.Parameter(0.02 * torch.randn(17, width))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(width, 2, 64, dropout=0.0, batch_first=True) for _ in range(layers)
        )
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """The token is what is classified."""
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], dim=1) + self.place
        for block in self.blocks:
            x = block(x)
        return self.head(x[:, 0])


class Tagger(nn.Module):
    """Characters read from both sides by a two-layer GRU or LSTM: (N, T) to logits (N, letters, T) of the character itself."""

    def __init__(self, letters: int, kind: type[nn.RNNBase] = nn.GRU, width: int = 32) -> None:
        super().__init__()
        self.embedding = nn.Embedding(letters, 16)
        self.rnn = kind(16, width, num_layers=2, batch_first=True)  # type: ignore[arg-type]
        self.head = nn.Linear(width, letters)

    def forward(self, x: Tensor) -> Tensor:
        """The classes come second, as the cross entropy wants them."""
        return self.head(self.rnn(self.embedding(x))[0]).transpose(1, 2)


class Points(nn.Module):
    """A network over sets: rows of a digit as eight points, summed (Zaheer et al., 2017, arXiv:1703.06114)."""

    def __init__(self) -> None:
        super().__init__()
        self.each = nn.Sequential(nn.Linear(16, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU())
        self.head = nn.Sequential(nn.Linear(48, 32), nn.SiLU(), nn.Linear(32, 10))
        self.register_buffer("place", torch.eye(8))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 8, 8) with the place of each row beside it."""
        return self.head(self.each(torch.cat([x, self.place.expand(len(x), -1, -1)], dim=2)).sum(dim=1))


class Gated(nn.Module):
    """Highway layers (Srivastava et al., 2015, arXiv:1505.00387): (N, 13) to (N, classes)."""

    def __init__(self, inputs: int, classes: int, width: int = 32, layers: int = 5) -> None:
        super().__init__()
        self.stem, self.head = nn.Linear(inputs, width), nn.Linear(width, classes)
        self.work = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))
        self.gates = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))
        for gate in self.gates:
            nn.init.constant_(gate.bias, -1.0)

    def forward(self, x: Tensor) -> Tensor:
        """Each layer chooses between itself and its input."""
        x = self.stem(x)
        for work, gate in zip(self.work, self.gates, strict=True):
            open_ = torch.sigmoid(gate(x))
            x = open_ * torch.tanh(work(x)) + (1 - open_) * x
        return self.head(x)
