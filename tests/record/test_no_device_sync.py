"""While a step is recorded nothing waits for the device; one copy a step brings the numbers to the host."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from recording import attach, batch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from zoo import CLASSES, NETS

from torchvitals.record.frame import Frame

# Operators that must see a value, or a shape that depends on values, before the program can go on.
SYNCHRONISING = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal", "bincount", "unique", "item")


class Dispatched(TorchDispatchMode):
    """Counts the operators that run, from our hooks and from the net alike."""

    def __init__(self) -> None:
        super().__init__()
        self.names: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


def net() -> tuple[nn.Module, torch.optim.Optimizer, nn.Module]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.LayerNorm(6), nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 3))
    # Plain SGD reads no value on the host, so every synchronising operator counted here would be ours.
    return model, torch.optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss()


def one_step(
    model: nn.Module, optimizer: torch.optim.Optimizer, loss_fn: nn.Module, data: tuple[Tensor, Tensor] | None = None
) -> Counter[str]:
    x, y = data or batch()
    with Dispatched() as dispatched:
        optimizer.zero_grad()
        loss_fn(model(x), y).backward()
        optimizer.step()
    return dispatched.names


def synchronising(names: Counter[str]) -> list[str]:
    return [name for name in names if name in SYNCHRONISING]


def test_an_armed_step_reads_no_value_on_the_host() -> None:
    model, optimizer, loss_fn = net()
    bare = one_step(model, optimizer, loss_fn)
    vitals, sink = attach(model, optimizer, loss_fn=loss_fn)
    armed = one_step(model, optimizer, loss_fn)
    vitals.close()
    assert sink.histograms(), "the first step is a full one"
    assert armed.total() > 2 * bare.total(), "it measured"
    assert synchronising(armed) == []


@pytest.mark.parametrize("name", NETS)
def test_no_kind_of_net_has_a_value_read_on_the_host(name: str) -> None:
    build, shape = NETS[name]
    torch.manual_seed(0)
    data = torch.randn(8, *shape), torch.randint(0, CLASSES, (8,))
    model, loss_fn = build(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    bare = one_step(model, optimizer, loss_fn, data)
    vitals, sink = attach(model, optimizer, loss_fn=loss_fn)
    armed = one_step(model, optimizer, loss_fn, data)
    armed += one_step(model, optimizer, loss_fn, data)
    vitals.close()
    assert len(sink.records) == 2
    assert synchronising(armed - bare) == []
    assert armed.total() > 2 * bare.total(), "it measured"


def test_the_look_out_sees_an_item() -> None:
    with Dispatched() as dispatched:
        torch.ones(2).sum().item()
    assert synchronising(dispatched.names) == ["_local_scalar_dense"]


def test_one_copy_a_recorded_step(monkeypatch: pytest.MonkeyPatch) -> None:
    copies: list[str] = []
    original, seal = Tensor.cpu, Frame.seal
    inside: list[int] = []

    def cpu(self: Tensor) -> Tensor:
        copies.append("in seal" if inside else "elsewhere")
        return original(self)

    def sealing(self: Frame) -> None:
        inside.append(self.step)
        try:
            seal(self)
        finally:
            inside.pop()

    monkeypatch.setattr(Tensor, "cpu", cpu)
    monkeypatch.setattr(Frame, "seal", sealing)
    for name in ("item", "tolist", "__float__", "__bool__", "__int__"):
        monkeypatch.setattr(Tensor, name, lambda *_, name=name: copies.append(name))
    model, optimizer, loss_fn = net()
    vitals, sink = attach(model, optimizer, loss_fn=loss_fn, every=2)
    for _ in range(6):
        one_step(model, optimizer, loss_fn)
    vitals.close()
    assert sink.steps == [0, 2, 4]
    assert copies == ["in seal"] * 3
