"""The networks of the first set."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from verdicts_data import BAG_CLASSES, BAG_WORDS, CONTEXT

Module = Callable[[], nn.Module]


def mlp(
    *widths: int,
    activation: Module = nn.ReLU,
    norm: Callable[[int], nn.Module] | None = None,
    dropout: float = 0.0,
    head: nn.Module | None = None,
) -> nn.Sequential:
    """Linear layers `hidden1` … and `head`, with `norm1`, `act1`, `drop1` … between them."""
    net = nn.Sequential()
    for i, (n, m) in enumerate(itertools.pairwise(widths[:-1]), start=1):
        net.add_module(f"hidden{i}", nn.Linear(n, m))
        if norm is not None:
            net.add_module(f"norm{i}", norm(m))
        net.add_module(f"act{i}", activation())
        if dropout:
            net.add_module(f"drop{i}", nn.Dropout(dropout))
    net.add_module("head", nn.Linear(widths[-2], widths[-1]))
    if head is not None:
        net.add_module("output", head)
    return net


def cnn(
    *, channels: int = 1, classes: int = 10, size: int = 8, norm: bool = False, activation: Module = nn.ReLU, width: int = 8
) -> nn.Sequential:
    """Two convolutions with pooling and a linear head."""
    net = nn.Sequential()
    for i, (n, m) in enumerate(((channels, width), (width, 2 * width)), start=1):
        net.add_module(f"conv{i}", nn.Conv2d(n, m, 3, padding=1))
        if norm:
            net.add_module(f"norm{i}", nn.BatchNorm2d(m))
        net.add_module(f"act{i}", activation())
        net.add_module(f"pool{i}", nn.MaxPool2d(2))
    net.add_module("flatten", nn.Flatten())
    net.add_module("head", nn.Linear(2 * width * (size // 4) ** 2, classes))
    return net


class Residual(nn.Module):
    """x + two layers of it, normalised before: (N, D) to (N, D)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """The shortcut carries the gradient."""
        return x + self.down(F.relu(self.up(self.norm(x))))


def deep_residual(blocks: int = 10, width: int = 48) -> nn.Sequential:
    """Twenty hidden layers."""
    return nn.Sequential(
        nn.Linear(64, width), *(Residual(width) for _ in range(blocks)), nn.LayerNorm(width), nn.Linear(width, 10)
    )


class ConvBlock(nn.Module):
    """The basic block of a ResNet (He et al., 2016, arXiv:1512.03385)."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after)
        self.conv2, self.norm2 = nn.Conv2d(after, after, 3, padding=1, bias=False), nn.BatchNorm2d(after)
        self.shortcut = nn.Identity() if before == after else nn.Conv2d(before, after, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, before, H, W) to (N, after, H, W)."""
        inner = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(inner + self.shortcut(x))


def resnet(*, channels: int = 1, classes: int = 10) -> nn.Sequential:
    """Three blocks."""
    stem = (nn.Conv2d(channels, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
    body = (ConvBlock(8, 8), nn.MaxPool2d(2), ConvBlock(8, 16), ConvBlock(16, 16))
    return nn.Sequential(*stem, *body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, classes))


class Reader(nn.Module):
    """A recurrent net whose last state is classified: (N, T, D) to (N, classes)."""

    def __init__(
        self, kind: Callable[..., nn.RNNBase], inputs: int, classes: int, *, width: int = 32, **options: object
    ) -> None:
        super().__init__()
        self.rnn, self.head = kind(inputs, width, batch_first=True, **options), nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """The last step has read everything."""
        return self.head(self.rnn(x)[0][:, -1])


class Encoder(nn.Module):
    """A transformer encoder over T vectors, averaged: (N, T, D) to (N, classes)."""

    def __init__(
        self, inputs: int, classes: int, *, length: int = 8, width: int = 32, layers: int = 2, dropout: float = 0.1
    ) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=dropout, batch_first=True, norm_first=True)
        self.embed, self.place = nn.Linear(inputs, width), nn.Parameter(0.02 * torch.randn(length, width))
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Every position counts alike."""
        return self.head(self.encoder(self.embed(x) + self.place).mean(dim=1))


class CausalBlock(nn.Module):
    """Causal attention by the fused function, then two layers, normalised before."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, D) to (N, T, D)."""
        n, t, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(n, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(n, t, d))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Characters(nn.Module):
    """A small causal language model: (N, T) to logits (N, letters, T)."""

    def __init__(self, letters: int, *, width: int = 48, layers: int = 2) -> None:
        super().__init__()
        self.embedding, self.place = nn.Embedding(letters, width), nn.Embedding(CONTEXT, width)
        self.blocks = nn.ModuleList(CausalBlock(width, 4) for _ in range(layers))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, letters)
        for table in (self.embedding, self.place):
            nn.init.normal_(table.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """The classes come second, as the cross entropy wants them."""
        x = self.embedding(x) + self.place.weight[: x.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)).transpose(1, 2)


class Bag(nn.Module):
    """The mean of the words' vectors, classified: (N, words) to (N, classes)."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.words, self.head = nn.EmbeddingBag(BAG_WORDS, width), nn.Linear(width, BAG_CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """No hidden layer."""
        return self.head(self.words(x))


class VAE(nn.Module):
    """A variational autoencoder with an eight-dimensional code; returns the reconstruction, the mean and log σ²."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
        self.mean, self.log_var = nn.Linear(64, 8), nn.Linear(64, 8)
        self.decoder = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Sampled by the reparametrisation."""
        hidden = self.encoder(x)
        mean, log_var = self.mean(hidden), self.log_var(hidden)
        return self.decoder(mean + torch.randn_like(mean) * (log_var / 2).exp()), mean, log_var


class UNet(nn.Module):
    """Two levels and a shortcut: (N, 1, 16, 16) to logits of the same shape."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.down1 = nn.Sequential(nn.Conv2d(1, width, 3, padding=1), nn.ReLU())
        self.down2 = nn.Sequential(nn.Conv2d(width, 2 * width, 3, padding=1), nn.ReLU())
        self.up = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.merge = nn.Sequential(nn.Conv2d(2 * width, width, 3, padding=1), nn.ReLU())
        self.head = nn.Conv2d(width, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """What was seen at full size goes straight to the end."""
        fine = self.down1(x)
        coarse = self.up(self.down2(F.max_pool2d(fine, 2)))
        return self.head(self.merge(torch.cat([fine, coarse], dim=1)))
