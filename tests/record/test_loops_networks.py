"""Any network in the loop: what is recorded, number by number, against the same network on a plain copy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from recording import attach, batch, net
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from twins import Twin, assert_recorded

STEPS = 3


def sgd(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.1, momentum=0.9)


def adamw(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.AdamW(parameters, lr=1e-2, weight_decay=0.1)


class Checkpointed(nn.Module):
    def __init__(self, *, reentrant: bool | None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Linear(4, 5)
        self.block = nn.Sequential(nn.Linear(5, 6), nn.ReLU())
        self.head = nn.Linear(6, 3)
        self.reentrant = reentrant

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.block(x) if self.reentrant is None else checkpoint(self.block, x, use_reentrant=self.reentrant)
        return self.head(x)


@pytest.mark.parametrize("reentrant", [True, False])
def test_gradient_checkpointing(reentrant: bool) -> None:
    model, (x, y) = Checkpointed(reentrant=reentrant), batch()
    twin, optimizer = Twin(Checkpointed(reentrant=None), sgd), sgd(model.parameters())
    vitals, sink = attach(model, optimizer)
    expected = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

        assert twin.optimizer is not None
        twin.optimizer.zero_grad()
        a = twin.keep("stem", twin.model.stem(x))  # type: ignore[operator]
        for name, module in twin.model.block.named_children():  # type: ignore[union-attr]
            a = twin.keep(f"block.{name}", module(a))
        loss = F.cross_entropy(twin.keep("head", twin.model.head(a)), y)  # type: ignore[operator]
        twin.backward(loss)
        twin.update()
        step = {**twin.take(), "loss/train": loss.item(), "gradient_carryover/model": 0.0, "clip_ratio/model": 1.0}
        # Inside a reentrant block the first pass runs without gradients, so none come back to what it put out.
        unseen = "activation_grad_norm/block" if reentrant else "nothing"
        expected.append({tag: value for tag, value in step.items() if not tag.startswith(unseen)})
    vitals.close()
    for i, step in enumerate(expected):
        assert_recorded(sink, i, step, without="activation_grad_norm/block" if reentrant else "activation_mean/block.0#")


class Reusing(nn.Module):
    """One layer called twice, and an output layer that shares its weight with the embedding."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(7, 4)
        self.mix = nn.Linear(4, 4)
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens)
        return self.head(self.mix(self.mix(x).tanh()))


def test_shared_parameters_and_a_module_called_twice() -> None:
    model, tokens = Reusing(), torch.arange(12).reshape(2, 6) % 7
    twin, optimizer = Twin(model, sgd), sgd(model.parameters())
    vitals, sink = attach(model, optimizer)
    for _ in range(STEPS):
        optimizer.zero_grad()
        F.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten()).backward()
        optimizer.step()

        m = twin.model
        assert isinstance(m, Reusing)
        assert twin.optimizer is not None
        twin.optimizer.zero_grad()
        a = twin.keep("mix", m.mix(twin.keep("embedding", m.embedding(tokens))))
        a = twin.keep("mix#1", m.mix(twin.keep("tanh#0", a.tanh())))
        loss = F.cross_entropy(twin.keep("head", m.head(a)).flatten(0, 1), tokens.flatten())
        twin.backward(loss)
        twin.update()
        twin.expected["loss/train"] = loss.item()
        expected = twin.take()
    vitals.close()
    assert_recorded(sink, -1, expected)
    assert {"grad_norm/head.weight", "activation_mean/mix#2"}.isdisjoint(sink.scalars())


def test_frozen_parts_do_not_move_and_have_no_gradient() -> None:
    model, (x, y) = net(), batch()
    model[0].requires_grad_(False)
    twin = Twin(model, lambda p: adamw([q for q in p if q.requires_grad]))
    optimizer = adamw([p for p in model.parameters() if p.requires_grad])
    vitals, sink = attach(model, optimizer)
    for _ in range(STEPS):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

        assert twin.optimizer is not None
        twin.optimizer.zero_grad()
        loss = F.cross_entropy(twin.layers(x), y)
        twin.backward(loss)
        twin.update()
        expected = twin.take()
    vitals.close()
    assert expected["update_ratio/0.weight"] == 0
    assert_recorded(sink, -1, expected, without="grad_norm/0.weight")
    # The first layers take no part in the backward pass.
    assert "activation_grad_norm/1" not in sink.scalars()


@dataclass
class Output:
    logits: Tensor
    hidden: Tensor


class Odd(nn.Module):
    """Keyword inputs, and outputs in a container."""

    def __init__(self, form: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.head = nn.Linear(4, 6), nn.Linear(6, 3)
        self.form = form

    def forward(self, *, features: Tensor, scale: float = 1.0) -> Any:
        hidden = self.first(features * scale).relu()
        logits = self.head(hidden)
        forms = {"dict": {"logits": logits, "hidden": hidden}, "tuple": (logits, [hidden]), "dataclass": Output(logits, hidden)}
        return forms[self.form]


@pytest.mark.parametrize("form", ["dict", "tuple", "dataclass"])
def test_outputs_in_containers_and_keyword_inputs(form: str) -> None:
    model, (x, y) = Odd(form), batch()
    twin, optimizer = Twin(model, sgd), sgd(model.parameters())
    vitals, sink = attach(model, optimizer)
    for _ in range(STEPS):
        optimizer.zero_grad()
        out = model(features=x, scale=2.0)
        logits = out["logits"] if form == "dict" else out[0] if form == "tuple" else out.logits
        F.cross_entropy(logits, y).backward()
        optimizer.step()

        m = twin.model
        assert isinstance(m, Odd)
        assert twin.optimizer is not None
        twin.optimizer.zero_grad()
        hidden = twin.keep("relu#0", twin.keep("first", m.first(x * 2)).relu())
        logits = twin.keep("head", m.head(hidden))
        loss = F.cross_entropy(logits, y)
        twin.backward(loss)
        twin.update()
        right = (logits.argmax(1) == y).double().mean().item()
        expected = {
            **twin.take(),
            "loss/train": loss.item(),
            "batch_accuracy/train": right,
            "input_mean/model": x.mean().item(),
        }
    vitals.close()
    assert_recorded(sink, -1, expected)
