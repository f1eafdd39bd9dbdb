"""Attached or not, the training is the same to the last bit, and so is everything a user can see of the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import torchvitals

STEPS = 30


class Recurrent(nn.Module):
    """The last state of an LSTM, classified."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 12, num_layers=2, dropout=0.2, batch_first=True)
        self.head = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.lstm(x)[0][:, -1])


class Encoder(nn.Module):
    """A transformer encoder with dropout, averaged over time."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(x).mean(dim=1))


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 5))


def batch_norm_cnn() -> nn.Module:
    convolutions = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 8, 3), nn.BatchNorm2d(8), nn.ReLU()]
    return nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(8 * 16, 5))


def in_place_relu() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(inplace=True), nn.Linear(16, 16), nn.ReLU(inplace=True), nn.Linear(16, 5))


NETS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "mlp": (mlp, (8,)),
    "batch_norm_cnn": (batch_norm_cnn, (1, 8, 8)),
    "dropout_transformer": (Encoder, (6, 8)),
    "lstm": (Recurrent, (6, 8)),
    "in_place_relu": (in_place_relu, (8,)),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Trace:
    """Everything a training leaves behind."""

    losses: list[Tensor]
    state: dict[str, Tensor]
    random_state: Tensor
    modes: list[bool]
    trainable: list[bool]
    backward_names: list[str]


def graph_of(loss: Tensor) -> list[str]:
    """The names of all nodes of the autograd graph, from the loss down."""
    names, stack = [], [loss.grad_fn]
    while stack:
        node = stack.pop()
        if node is not None:
            names.append(node.name())
            stack += [below for below, _ in node.next_functions]
    return names


def train(name: str, watch: Callable[..., Any] | None) -> Trace:
    build, shape = NETS[name]
    torch.manual_seed(0)
    model, loss_fn = build(), nn.CrossEntropyLoss()
    next(model.parameters()).requires_grad_(False)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    vitals = watch(model, optimizer, loss_fn=loss_fn) if watch else None
    losses = []
    for _ in range(STEPS):
        x, y = torch.randn(16, *shape), torch.randint(0, 5, (16,))
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        backward_names = graph_of(loss)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    if vitals is not None:
        vitals.close()
    return Trace(
        losses=losses,
        state=model.state_dict(),
        random_state=torch.get_rng_state(),
        modes=[m.training for m in model.modules()],
        trainable=[p.requires_grad for p in model.parameters()],
        backward_names=backward_names,
    )


def assert_same(watched: Trace, plain: Trace) -> None:
    assert all(torch.equal(a, b) for a, b in zip(watched.losses, plain.losses, strict=True))
    assert watched.state.keys() == plain.state.keys()
    assert all(torch.equal(watched.state[key], plain.state[key]) for key in plain.state)
    assert torch.equal(watched.random_state, plain.random_state)
    assert watched.modes == plain.modes
    assert watched.trainable == plain.trainable
    assert watched.backward_names == plain.backward_names


@pytest.mark.parametrize("every", [1, 3, None])
@pytest.mark.parametrize("name", NETS)
def test_training_is_the_same_to_the_last_bit(name: str, every: int | None, tmp_path: Path) -> None:
    watched = train(name, lambda *a, **k: torchvitals.watch(*a, logdir=tmp_path, every=every, **k))
    assert_same(watched, train(name, None))
    recorded = torchvitals.read(tmp_path)
    assert len(recorded.steps) >= STEPS // 3
    assert "grad_norm" in recorded.measures


def test_a_probe_batch_leaves_no_trace(tmp_path: Path) -> None:
    def watch(model: nn.Module, *rest: Any, **options: Any) -> Any:
        generator = torch.Generator().manual_seed(3)
        probe = (torch.randn(4, 1, 8, 8, generator=generator), torch.randint(0, 5, (4,), generator=generator))
        return torchvitals.watch(model, *rest, logdir=tmp_path, every=1, probe=probe, **options)

    assert_same(train("batch_norm_cnn", watch), train("batch_norm_cnn", None))
    assert torchvitals.read(tmp_path).scalar("loss", "probe") is not None


def test_the_comparison_sees_one_random_number() -> None:
    def watch(*_: Any, **__: Any) -> None:
        torch.rand(1)

    with pytest.raises(AssertionError):
        assert_same(train("mlp", watch), train("mlp", None))
