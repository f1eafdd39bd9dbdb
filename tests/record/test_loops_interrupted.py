"""What comes between the steps of a loop: evaluations, exceptions, other trainings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from recording import attach, batch, hooks_on, net
from torch import Tensor, nn
from torch.nn import functional as F
from twins import Twin, assert_recorded, moments_of

STEPS = 3


def sgd(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.1, momentum=0.9)


def record_plain(evaluate: Callable[[nn.Module], None]) -> list[dict[str, float]]:
    """Scalars of three steps, with an evaluation at every place of the loop; times are left out."""
    model, (x, y) = net(), batch()
    optimizer = sgd(model.parameters())
    vitals, sink = attach(model, optimizer)
    for _ in range(STEPS):
        evaluate(model)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        evaluate(model)
        loss.backward()
        evaluate(model)
        optimizer.step()
        evaluate(model)
    vitals.close()
    times = ("overhead", "step_time", "loop_", "interval", "recording")
    return [{t: v for t, v in sink.scalars(i).items() if not any(word in t for word in times)} for i in range(STEPS)]


@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
def test_an_evaluation_anywhere_changes_no_number(off: Callable[[], Any]) -> None:
    def evaluate(model: nn.Module) -> None:
        model.eval()
        with off():
            outputs = model(100 + batch(32)[0])
            assert F.cross_entropy(outputs, batch(32)[1]) > 0
            assert (outputs.argmax(1) == batch(32)[1]).float().mean() >= 0
        model.train()

    plain, evaluated = record_plain(lambda _: None), record_plain(evaluate)
    assert len(plain[0]) > 30
    for a, b in zip(plain, evaluated, strict=True):
        assert {t for t in a.keys() ^ b.keys() if not t.endswith("_s")} == set()
        assert {t: b[t] for t in a if "time" not in t and "cost" not in t} == pytest.approx(
            {t: v for t, v in a.items() if "time" not in t and "cost" not in t}, nan_ok=True
        )


def test_an_evaluation_with_gradients_on_is_no_training_loss() -> None:
    model, (x, y) = net(), batch()
    optimizer = sgd(model.parameters())
    vitals, sink = attach(model, optimizer)
    true = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        assert F.cross_entropy(model(100 * x), y) > 0  # nobody calls backward on it
        optimizer.step()
        true.append(loss.item())
    vitals.close()
    assert sink.series("loss/train") == pytest.approx(true)


class Fragile(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.inner = nn.Linear(4, 6), nn.Sequential(nn.Linear(6, 3), nn.Tanh())
        self.fails = False

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        if self.fails:
            raise ValueError("a bad batch")
        return self.inner(x)


@pytest.mark.parametrize("place", ["forward", "loss", "backward"])
def test_an_exception_in_the_middle_is_the_loops_own_affair(place: str) -> None:
    model, (x, y) = Fragile(), batch()
    twin, optimizer = Twin(model, sgd), sgd(model.parameters())
    vitals, sink = attach(model, optimizer)

    def fail(_gradient: Tensor) -> None:
        raise ValueError("a bad gradient")

    def interrupted() -> None:
        outputs = model(100 * x)
        if place == "backward":
            outputs.register_hook(fail)  # type: ignore[no-untyped-call]
        F.cross_entropy(outputs, y + 10 * (place == "loss")).backward()

    for _ in range(STEPS):
        model.fails = place == "forward"
        with pytest.raises((ValueError, IndexError)):
            interrupted()
        model.fails = False
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

        m = twin.model
        assert isinstance(m, Fragile)
        assert twin.optimizer is not None
        twin.optimizer.zero_grad()
        a = twin.keep("inner.0", m.inner[0](twin.keep("first", m.first(x))))
        loss = F.cross_entropy(twin.keep("inner.1", m.inner[1](a)), y)
        twin.backward(loss)
        twin.update()
        expected = {**twin.take(), "loss/train": loss.item(), "gradient_carryover/model": 0.0, "clip_ratio/model": 1.0}
    vitals.close()
    assert sink.steps == list(range(STEPS))
    assert_recorded(sink, -1, expected, without="gradient_noise_scale")
    assert "activation_mean/first#1" not in sink.scalars()
    assert hooks_on(model, optimizer) == []


@pytest.mark.parametrize("given", [True, False], ids=["optimizers given", "optimizers found"])
def test_two_watches_in_one_process_see_each_its_own(given: bool) -> None:
    (x, y), models = batch(), [net(0), net(1)]
    optimizers = [sgd(m.parameters()) for m in models]
    watched = [attach(m, o if given else None) for m, o in zip(models, optimizers, strict=True)]
    twins = [Twin(m, sgd) for m in models]
    expected: list[dict[str, float]] = [{}, {}]
    for step in range(STEPS):
        for i, (model, optimizer, twin) in enumerate(zip(models, optimizers, twins, strict=True)):
            if i and step == STEPS - 1:
                continue  # the second trains one step less
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            assert twin.optimizer is not None
            twin.optimizer.zero_grad()
            loss = F.cross_entropy(twin.layers(x), y)
            twin.backward(loss)
            twin.update()
            expected[i] = {**twin.take(), "loss/train": loss.item()}
    for (vitals, sink), values, steps in zip(watched, expected, ([0, 1, 2], [0, 1]), strict=True):
        vitals.close()
        assert sink.steps == steps
        assert_recorded(sink, -1, values)


def test_two_watches_on_one_model_record_the_same() -> None:
    model, (x, y) = net(), batch()
    optimizer = sgd(model.parameters())
    watched = [attach(model, optimizer) for _ in range(2)]
    for _ in range(STEPS):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    for vitals, _ in watched:
        vitals.close()
    (_, one), (_, other) = watched
    for measure in (
        "loss/train",
        "activation_rms/1",
        "activation_grad_norm/0",
        "update_ratio/0.weight",
        "global_grad_norm/model",
    ):
        assert len(one.series(measure)) == STEPS
        assert one.series(measure) == other.series(measure)


def test_parts_that_the_loop_calls_itself() -> None:
    torch.manual_seed(0)
    model, (x, _) = nn.ModuleDict({"encoder": nn.Linear(4, 2), "decoder": nn.Linear(2, 4)}), batch()
    optimizer = sgd(model.parameters())
    vitals, sink = attach(model, optimizer)
    code = model["encoder"](x)
    back = model["decoder"](code.tanh())
    loss = (back - x).square().mean()
    loss.backward()
    optimizer.step()
    vitals.close()
    expected = {**moments_of("encoder", code), **moments_of("decoder", back), "loss/train": loss.item()}
    assert_recorded(sink, 0, expected)
    assert sink.scalars()["output_target_ratio/loss"] == 1
