"""Any loop: what is recorded, number by number, against the same loop on a plain copy."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from recording import attach, batch, net
from torch import Tensor, nn
from torch.nn import functional as F
from twins import Make, Twin, assert_recorded, gradients_of, moves_of, noise_of, size, whole

STEPS = 3
GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
DEVICES = ["cpu", pytest.param("cuda", marks=GPU)]


def sgd(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.1, momentum=0.9)


def adamw(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.AdamW(parameters, lr=1e-2, weight_decay=0.1)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("make", [sgd, adamw])
def test_a_plain_loop_with_clipping(make: Make, device: str) -> None:
    model = net().to(device)
    twin, optimizer = Twin(model, make), make(model.parameters())
    vitals, sink = attach(model, optimizer)
    x, y = (t.to(device) for t in batch())
    expected, gradients = [], []
    for _ in range(STEPS):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.2)
        optimizer.step()

        assert twin.optimizer is not None
        twin.optimizer.zero_grad()
        loss = F.cross_entropy(twin.layers(x), y)
        twin.backward(loss)
        before = nn.utils.clip_grad_norm_(twin.model.parameters(), 0.2).item()
        gradients.append(whole(p.grad for p in twin.model.parameters() if p.grad is not None))
        twin.update()
        clipping = {"clip_ratio/model": size(gradients[-1]) / before, "grad_norm_before_clipping/model": before}
        expected.append({**twin.take(), **clipping, "loss/train": loss.item(), "gradient_carryover/model": 0.0})
    vitals.close()
    assert sink.steps == list(range(STEPS))
    for i, (first, second) in enumerate(pairwise(gradients)):
        expected[i]["gradient_signal/model"] = (first @ second).item()
        expected[i]["gradient_noise/model"] = (first - second).square().sum().item() / 2
    for i, step in enumerate(expected):
        assert_recorded(sink, i, step)


@pytest.mark.parametrize("to_none", [True, False], ids=["to none", "to zero"])
def test_gradient_accumulation(to_none: bool) -> None:
    model = net()
    twin, optimizer = Twin(model, sgd), sgd(model.parameters())
    vitals, sink = attach(model, optimizer)
    x = batch(24)[0]
    y = torch.arange(24) % 8 // 7  # nearly always the same class, so that the micro-batches agree on where to go
    expected = []
    for _ in range(STEPS):
        sums = [torch.zeros(51, dtype=torch.float64)]
        for xs, ys in zip(x.chunk(3), y.chunk(3), strict=True):
            (F.cross_entropy(model(xs), ys) / 3).backward()

            loss = F.cross_entropy(twin.layers(xs), ys)
            twin.backward(loss / 3)
            sums.append(whole(p.grad for p in twin.model.parameters() if p.grad is not None))
        optimizer.step()
        twin.update()
        for one in (optimizer, twin.optimizer):
            assert one is not None
            one.zero_grad(set_to_none=to_none)
        noise = noise_of([after - before for before, after in pairwise(sums)])
        assert 0 < noise < 100
        more = {"loss/train": loss.item(), "gradient_noise_scale/model": noise, "gradient_carryover/model": 0.0}
        expected.append({**twin.take(), **more, "clip_ratio/model": 1.0})
    vitals.close()
    assert sink.steps == list(range(STEPS))
    for i, step in enumerate(expected):
        assert_recorded(sink, i, step, rel=2e-4)


def test_without_clearing_the_gradients_of_the_last_step_are_the_leftover_also_under_accumulation() -> None:
    model, (x, y) = net(), batch()
    optimizer = sgd(model.parameters())
    vitals, sink = attach(model, optimizer)
    true = []
    for _ in range(STEPS):
        old = [p.grad for p in model.parameters() if p.grad is not None]
        true.append(size(whole(old)) if old else 0.0)
        for _ in range(2):
            F.cross_entropy(model(x), y).backward()
        optimizer.step()
    vitals.close()
    assert sink.series("gradient_carryover/model") == pytest.approx(true, rel=1e-5)


class Gan(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.g = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 4))
        self.d = nn.Sequential(nn.Linear(4, 5), nn.LeakyReLU(0.2), nn.Linear(5, 1))

    def generator_loss(self, z: Tensor) -> Tensor:
        scores = self.d(self.g(z))
        return F.binary_cross_entropy_with_logits(scores, torch.ones_like(scores))

    def critic_loss(self, z: Tensor, real: Tensor) -> Tensor:
        true, fake = self.d(real), self.d(self.g(z).detach())
        return F.binary_cross_entropy_with_logits(true, torch.ones_like(true)) + F.binary_cross_entropy_with_logits(
            fake, torch.zeros_like(fake)
        )


def gan_round(gan: Gan, optimizers: dict[str, torch.optim.Optimizer], order: str, noise: Callable[[str], None]) -> float:
    """One turn of both networks, each clearing the gradients of its own only; the loss of the second."""
    z, real = torch.randn(8, 2), torch.randn(8, 4)
    loss = torch.zeros(())
    for name in order:
        optimizers[name].zero_grad()
        loss = gan.generator_loss(z) if name == "g" else gan.critic_loss(z, real)
        loss.backward()
        noise(name)
        optimizers[name].step()
    return loss.item()


@pytest.mark.parametrize("clear", ["to none", "to zero"])
@pytest.mark.parametrize("order", ["dg", "gd"])
def test_a_gan_each_network_with_its_own_gradients_and_no_leftovers(
    order: str, clear: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if clear == "to zero":
        plain = torch.optim.Optimizer.zero_grad
        monkeypatch.setattr(torch.optim.Optimizer, "zero_grad", lambda self: plain(self, set_to_none=False))
    model = Gan()
    twin = Twin(model).model
    assert isinstance(twin, Gan)
    ours, theirs = ({k: torch.optim.Adam(m.get_submodule(k).parameters(), lr=1e-2) for k in "gd"} for m in (model, twin))
    vitals, sink = attach(model, [ours["d"], ours["g"]])
    expected: list[dict[str, float]] = []

    def look(name: str) -> None:
        part = twin.get_submodule(name)
        found = gradients_of(part, subject="model" if name == "d" else "optimizer1")
        expected[-1] |= {
            t.replace("grad_norm/", f"grad_norm/{name}.", 1) if t[0] == "g" and "." in t else t: v for t, v in found.items()
        }

    for step in range(STEPS):
        torch.manual_seed(step)
        gan_round(model, ours, order, lambda _: None)
        torch.manual_seed(step)
        expected.append({})
        expected[-1]["loss/train"] = gan_round(twin, theirs, order, look)
    vitals.close()
    assert sink.steps == list(range(STEPS))
    for i, step_values in enumerate(expected):
        found = {**step_values, "gradient_carryover/model": 0.0, "clip_ratio/model": 1.0, "clip_ratio/optimizer1": 1.0}
        assert_recorded(sink, i, found, without="gradient_noise_scale")


@pytest.mark.parametrize("make", [lambda p: torch.optim.LBFGS(p, lr=0.5, max_iter=3), sgd], ids=["LBFGS", "SGD"])
def test_a_closure_is_recorded_as_it_was_last_called(make: Make) -> None:
    model, (x, y) = net(), batch()
    twin, optimizer = Twin(model, make), make(model.parameters())
    vitals, sink = attach(model, optimizer)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        return loss

    last: dict[str, float] = {}

    def twins_closure() -> Tensor:
        assert twin.optimizer is not None
        twin.optimizer.zero_grad()
        loss = F.cross_entropy(twin.layers(x), y)
        twin.backward(loss)
        last.update(twin.take(), **gradients_of(twin.model), **{"loss/train": loss.item()})
        return loss

    expected = []
    for _ in range(STEPS):
        optimizer.step(closure)  # type: ignore[arg-type]
        before = {n: p.detach().clone() for n, p in twin.model.named_parameters()}
        assert twin.optimizer is not None
        twin.optimizer.step(twins_closure)  # type: ignore[arg-type]
        expected.append({**last, **moves_of(twin.model, before), "gradient_carryover/model": 0.0, "clip_ratio/model": 1.0})
    vitals.close()
    assert sink.steps == list(range(STEPS))
    for i, step in enumerate(expected):
        assert_recorded(sink, i, step, without="gradient_noise_scale")
