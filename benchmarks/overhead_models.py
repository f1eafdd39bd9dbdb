"""The networks that `overhead.py` trains: from a step far below a millisecond to one of a quarter of a second on one core."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn, optim

BATCHES = 8  # fixed batches, taken in turn: making data is no part of a step
CHARACTERS, WIDTH, LENGTH = 96, 256, 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One network and its data."""

    name: str
    title: str
    build: Callable[[], nn.Module]
    batch: Callable[[torch.Generator], tuple[Tensor, Tensor]]  # inputs and class numbers


class Training:
    """A model, its optimizer and its data; two of the same workload are equal in every number."""

    def __init__(self, workload: Workload, device: str) -> None:
        torch.manual_seed(0)
        generator = torch.Generator().manual_seed(1)
        self.model = workload.build().to(device)
        self.optimizer = optim.Adam(self.model.parameters(), lr=1e-4)
        self.loss_fn = nn.CrossEntropyLoss()  # one each: a hook on it must not see the other's loss
        self._batches = [tuple(t.to(device) for t in workload.batch(generator)) for _ in range(BATCHES)]

    def step(self, number: int) -> Tensor:
        """One optimizer step as everybody writes it."""
        inputs, targets = self._batches[number % BATCHES]
        self.optimizer.zero_grad()
        loss: Tensor = self.loss_fn(self.model(inputs), targets)
        loss.backward()
        self.optimizer.step()
        return loss.detach()


class Block(nn.Module):
    """ResNet-18's basic block (He et al., 2016, arXiv:1512.03385): (N, before, H, W) to (N, after, H/stride, W/stride)."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after)
        self.conv2, self.norm2 = nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after)
        self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()
        same = stride == 1 and before == after
        self.shortcut = (
            nn.Identity() if same else nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Two convolutions beside a shortcut."""
        inner = self.norm2(self.conv2(self.relu1(self.norm1(self.conv1(x)))))
        return self.relu2(inner + self.shortcut(x))


class Characters(nn.Module):
    """Four transformer layers over characters: (N, T) to logits (N·T, characters)."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(WIDTH, 4, 4 * WIDTH, dropout=0.0, batch_first=True, norm_first=True)
        self.embedding = nn.Embedding(CHARACTERS, WIDTH)
        self.layers = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, CHARACTERS)

    def forward(self, characters: Tensor) -> Tensor:
        """One prediction for each position."""
        logits: Tensor = self.head(self.layers(self.embedding(characters)))
        return logits.flatten(0, 1)


def _tiny() -> nn.Module:
    return nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))


def _mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))


def _cnn() -> nn.Module:
    widths = (16, 16, 16, 32, 32, 64, 64, 128, 128)
    strides = (1, 1, 2, 1, 2, 1, 2, 1)
    stem = (nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
    blocks = (Block(*sizes) for sizes in zip(widths, widths[1:], strides, strict=False))
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10))


def _classified(*shape: int, classes: int) -> Callable[[torch.Generator], tuple[Tensor, Tensor]]:
    """Noise with random labels: what is in it does not change what a step costs."""

    def batch(generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return torch.randn(*shape, generator=generator), torch.randint(classes, shape[:1], generator=generator)

    return batch


def _text(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    text = torch.randint(CHARACTERS, (16, LENGTH + 1), generator=generator)
    return text[:, :-1].contiguous(), text[:, 1:].flatten()


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload(name="tiny", title="MLP 16-32-4, batch 32", build=_tiny, batch=_classified(32, 16, classes=4)),
        Workload(name="mlp", title="MLP 784-512-512-10, batch 128", build=_mlp, batch=_classified(128, 784, classes=10)),
        Workload(
            name="cnn",
            title="ResNet-18 of width 16, 32×32 pixels, batch 64",
            build=_cnn,
            batch=_classified(64, 3, 32, 32, classes=10),
        ),
        Workload(
            name="transformer", title="transformer, 4 layers of 256, 64 characters, batch 16", build=Characters, batch=_text
        ),
    )
}
