"""Small nets of every family that the recorder looks at in a way of its own, each with the shape of one sample."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

CLASSES = 5


class Recurrent(nn.Module):
    """The last state of a recurrent net, classified."""

    def __init__(self, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        self.recurrent = kind(8, 12, num_layers=2, dropout=0.2, batch_first=True)  # type: ignore[arg-type]
        self.head = nn.Linear(12, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.recurrent(x)[0][:, -1])


class Cells(nn.Module):
    """A recurrent net written as a loop over the sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.head = nn.LSTMCell(8, 12), nn.Linear(12, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        state = None
        for step in x.unbind(1):
            state = self.cell(step, state)
        assert state is not None
        return self.head(state[0])


class Encoder(nn.Module):
    """A transformer encoder with dropout, averaged over time."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(x).mean(dim=1))


class Attention(nn.Module):
    """Attention of a sequence to itself, once as a module that returns its weights and once as a fused function."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, dropout=0.1, batch_first=True)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x, _ = self.attention(x, x, x)
        return self.head(F.scaled_dot_product_attention(x, x, x, dropout_p=0.1, is_causal=True).mean(dim=1))


class Functional(nn.Module):
    """Activations and dropout called as functions, one of them in place."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(8, 16), nn.Linear(16, 16), nn.Linear(16, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = F.dropout(F.relu(self.first(x), inplace=True), 0.2, training=self.training)
        return self.head(torch.tanh(self.second(x).clamp(min=0)))


class Checkpointed(nn.Module):
    """A block with dropout whose activations are computed again in the backward pass."""

    def __init__(self, *, reentrant: bool) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 16))
        self.head = nn.Linear(16, CLASSES)
        self.reentrant = reentrant

    def forward(self, x: Tensor) -> Tensor:
        return self.head(checkpoint(self.block, x.requires_grad_(), use_reentrant=self.reentrant))


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, CLASSES))


def batch_norm_cnn() -> nn.Module:
    convolutions = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 8, 3), nn.BatchNorm2d(8), nn.ReLU()]
    return nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(8 * 16, CLASSES))


def in_place_relu() -> nn.Module:
    layers = [nn.Linear(8, 16), nn.ReLU(inplace=True), nn.Linear(16, 16), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.Linear(16, CLASSES))


NETS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "mlp": (mlp, (8,)),
    "functional": (Functional, (8,)),
    "in_place_relu": (in_place_relu, (8,)),
    "batch_norm_cnn": (batch_norm_cnn, (1, 8, 8)),
    "dropout_transformer": (Encoder, (6, 8)),
    "attention": (Attention, (6, 8)),
    "lstm": (lambda: Recurrent(nn.LSTM), (6, 8)),
    "gru": (lambda: Recurrent(nn.GRU), (6, 8)),
    "lstm_cells": (Cells, (6, 8)),
    "checkpointed": (lambda: Checkpointed(reentrant=False), (8,)),
    "checkpointed_reentrant": (lambda: Checkpointed(reentrant=True), (8,)),
}
