"""Steps and names where the loop or the network is not the usual one."""

from __future__ import annotations

import pytest
import torch
from recording import attach, batch, net, train
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

LOSS = nn.CrossEntropyLoss()


class Checkpointed(nn.Module):
    """A block whose activations are computed again in the backward pass."""

    def __init__(self, *, reentrant: bool) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Linear(4, 6), nn.ReLU())
        self.head = nn.Linear(6, 3)
        self.reentrant = reentrant

    def forward(self, x: Tensor) -> Tensor:
        return self.head(checkpoint(self.block, x.requires_grad_(), use_reentrant=self.reentrant))


def gan(order: str) -> tuple[list[int], list[float], list[float]]:
    """Three rounds of a generator and a discriminator; steps, and the last gradient norm of each as recorded and as it was."""
    torch.manual_seed(0)
    model = nn.ModuleDict({"g": nn.Linear(2, 4), "d": nn.Linear(4, 1)})
    generator, discriminator = (torch.optim.Adam(model[k].parameters(), lr=1e-2) for k in "gd")
    vitals, sink = attach(model, [generator, discriminator])
    true = {}
    for _ in range(3):
        for name in order:
            model.zero_grad()
            score = model["d"](model["g"](torch.randn(8, 2))).mean()
            (score if name == "d" else -score).backward()
            true[name] = model[name].weight.grad.norm().item()
            (generator if name == "g" else discriminator).step()
    vitals.close()
    recorded = sink.scalars()
    return sink.steps, [recorded[f"grad_norm/{k}.weight"] for k in "gd"], [true[k] for k in "gd"]


@pytest.mark.parametrize("order", ["dg", "gd"])
def test_two_optimizers_count_one_step_a_round(order: str) -> None:
    steps, recorded, true = gan(order)
    assert steps == [0, 1, 2]
    assert recorded == pytest.approx(true)


def test_what_is_told_between_two_optimizers_belongs_to_the_step_under_way() -> None:
    model = nn.ModuleDict({"g": nn.Linear(2, 4), "d": nn.Linear(4, 1)})
    optimizers = [torch.optim.SGD(model[k].parameters(), lr=1e-2) for k in "dg"]
    vitals, sink = attach(model, optimizers)
    for step in range(3):
        for i, optimizer in enumerate(optimizers):
            model["d"](model["g"](torch.randn(8, 2))).mean().backward()
            optimizer.step()
            if i == 0 or step == 1:
                vitals.step(10.0 * step + i)
    vitals.close()
    assert sink.steps == [0, 1, 2]
    assert sink.series("loss/train") == [0.0, 11.0, 20.0]


def test_more_steps_of_one_optimizer_are_more_steps() -> None:
    model = nn.ModuleDict({"g": nn.Linear(2, 4), "d": nn.Linear(4, 1)})
    generator, critic = (torch.optim.SGD(model[k].parameters(), lr=1e-2) for k in "gd")
    vitals, sink = attach(model, [generator, critic])
    for _ in range(2):
        for optimizer in (critic, critic, critic, generator):
            model.zero_grad()
            model["d"](model["g"](torch.randn(8, 2))).mean().backward()
            optimizer.step()
    vitals.close()
    assert sink.steps == list(range(6))


def test_the_optimizer_of_another_model_may_be_passed_along() -> None:
    generator, critic = nn.Linear(2, 4), nn.Linear(4, 1)
    optimizers = [torch.optim.SGD(m.parameters(), lr=0.1) for m in (critic, generator)]
    vitals, sink = attach(generator, optimizers)
    for _ in range(3):
        critic(generator(torch.ones(8, 2))).mean().backward()
        for optimizer in optimizers:
            optimizer.step()
    vitals.close()
    assert sink.steps == [0, 1, 2]
    assert "update_ratio/weight" in sink.scalars()


def test_a_closure_is_one_step_and_its_last_gradient_is_read() -> None:
    model, (x, y) = net(), batch()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=3)
    loss_fn = nn.CrossEntropyLoss()
    vitals, sink = attach(model, optimizer, loss_fn=loss_fn)
    norms: list[float] = []

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        norms.append(model[0].weight.grad.norm().item())  # type: ignore[union-attr]
        return loss

    last_of_each = []
    for _ in range(4):
        optimizer.step(closure)
        last_of_each.append(norms[-1])
    vitals.close()
    assert len(norms) > 4
    assert sink.steps == [0, 1, 2, 3]
    assert sink.series("grad_norm/0.weight") == pytest.approx(last_of_each)
    assert min(sink.series("update_ratio/0.weight")) > 0


def test_a_module_used_twice_is_told_apart_call_by_call() -> None:
    shared = nn.Linear(4, 4)
    model = nn.Sequential(shared, nn.Tanh(), shared, nn.Linear(4, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss_fn = nn.CrossEntropyLoss()
    vitals, sink = attach(model, optimizer, loss_fn=loss_fn)
    x, _ = batch()
    first, second = (model[:n](x).std(correction=0).item() for n in (1, 3))
    train(model, optimizer, loss_fn, steps=2)
    vitals.close()
    recorded = sink.scalars(0)
    assert recorded["activation_std/0"] == pytest.approx(first, rel=1e-5)
    assert recorded["activation_std/0#1"] == pytest.approx(second, rel=1e-5)
    subjects = {tag.removeprefix("activation_std/") for tag in sink.scalars(1) if tag.startswith("activation_std/")}
    assert subjects == {"0", "0#1", "1", "3"}


@pytest.mark.parametrize("reentrant", [True, False])
def test_recomputed_activations_are_not_counted_twice(reentrant: bool) -> None:
    torch.manual_seed(0)
    model = Checkpointed(reentrant=reentrant)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss_fn = nn.CrossEntropyLoss()
    vitals, sink = attach(model, optimizer, loss_fn=loss_fn)
    train(model, optimizer, loss_fn, steps=2)
    vitals.close()
    assert sink.steps == [0, 1]
    subjects = [tag.removeprefix("activation_std/") for tag in sink.scalars() if tag.startswith("activation_std/")]
    assert "head" in subjects
    assert not any("#" in s for s in subjects)
    # A reentrant block runs its forward pass without gradients, but inside a training pass: it is no evaluation.
    assert {"block.0", "block.1"} <= set(subjects)
    assert sink.manifests[-1].unseen == ()


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_nets_of_other_precisions_are_recorded(dtype: torch.dtype) -> None:
    model = net().to(dtype)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    vitals, sink = attach(model, optimizer)
    out = model(batch()[0].to(dtype))
    LOSS(out, batch()[1]).backward()
    optimizer.step()
    vitals.close()
    assert sink.scalars()["activation_max/2"] == pytest.approx(out.max().item(), rel=1e-3)


def test_integer_weights_are_left_out() -> None:
    model = net()
    model.register_parameter("quantised", nn.Parameter(torch.ones(3, dtype=torch.int8), requires_grad=False))
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    vitals, sink = attach(model, optimizer)
    train(model, optimizer, LOSS, steps=2)
    vitals.close()
    assert sink.steps == [0, 1]
    assert "weight_norm/0.weight" in sink.scalars()
    assert "weight_norm/quantised" not in sink.scalars()


def test_sparse_gradients_are_measured_by_their_values() -> None:
    model = nn.Embedding(5, 3, sparse=True)
    optimizer = torch.optim.SparseAdam(model.parameters())
    vitals, sink = attach(model, optimizer)
    model(torch.tensor([1, 1, 2])).sum().backward()
    optimizer.step()
    vitals.close()
    assert sink.scalars()["grad_norm/weight"] == pytest.approx((3 * 2**2 + 3 * 1) ** 0.5)
