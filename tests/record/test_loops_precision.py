"""Mixed, half and double precision: the numbers are those of the true gradients, without the scaler's factor."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
import torch
from recording import attach, batch, net
from torch import nn
from torch.nn import functional as F
from twins import Twin, assert_recorded, size, whole

from torchvitals.core.tag import Tag

STEPS = 3
SCALE = 2.0**10
GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
DEVICES = ["cpu", pytest.param("cuda", marks=GPU)]


def adam(parameters: Any, *, fused: bool = False) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr=1e-2, fused=fused)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("clipped", [False, True], ids=["not clipped", "clipped"])
@pytest.mark.parametrize("fused", [False, True], ids=["plain", "fused"])
def test_a_gradient_scaler_leaves_no_trace_in_the_numbers(fused: bool, clipped: bool, device: str) -> None:
    model = net().to(device)
    twin, optimizer = Twin(model, adam), adam(model.parameters(), fused=fused)
    scaler = torch.amp.GradScaler(device, init_scale=SCALE)
    vitals, sink = attach(model, optimizer)
    x, y = (t.to(device) for t in batch())
    expected, gradients = [], []
    for _ in range(STEPS):
        optimizer.zero_grad()
        scaler.scale(F.cross_entropy(model(x), y)).backward()
        if clipped:
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        scaler.step(optimizer)
        scaler.update()

        assert twin.optimizer is not None
        twin.optimizer.zero_grad()
        loss = F.cross_entropy(twin.layers(x), y)
        twin.backward(loss)
        before = nn.utils.clip_grad_norm_(twin.model.parameters(), 0.1 if clipped else 1e9).item()
        gradients.append(whole(p.grad for p in twin.model.parameters() if p.grad is not None))
        twin.update()
        clipping = {"clip_ratio/model": size(gradients[-1]) / before, "grad_norm_before_clipping/model": before}
        scaling = {"loss_scale/model": SCALE, "skipped_steps/model": 0.0}
        expected.append({**twin.take(), **clipping, **scaling, "loss/train": loss.item(), "gradient_carryover/model": 0.0})
    vitals.close()
    for i, (first, second) in enumerate(pairwise(gradients)):
        expected[i]["gradient_signal/model"] = (first @ second).item()
        expected[i]["gradient_noise/model"] = (first - second).square().sum().item() / 2
    assert sink.steps == list(range(STEPS))
    for i, step in enumerate(expected):
        assert_recorded(sink, i, step, rel=5e-4)  # Adam's square roots round differently fused


def overflowing(fused: bool) -> tuple[list[int], list[float], list[dict[str, float]], list[float]]:
    """Four rounds, the second of which overflows: steps, losses, records, and the losses as they were."""
    model, (x, y) = net(), batch()
    optimizer = adam(model.parameters(), fused=fused)
    scaler = torch.amp.GradScaler("cpu", init_scale=SCALE)
    vitals, sink = attach(model, optimizer)
    losses = []
    for i in range(4):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        scaler.scale(loss * (torch.inf if i == 1 else 1.0)).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
    vitals.close()
    return sink.steps, sink.series("loss/train"), [sink.scalars(i) for i in range(len(sink.records))], losses


def test_a_step_skipped_by_the_scaler_is_none_and_the_next_reading_says_so() -> None:
    steps, recorded, scalars, losses = overflowing(fused=False)
    assert steps == [0, 1, 2]
    assert recorded == pytest.approx([losses[0], *losses[2:]])
    assert [s["skipped_steps/model"] for s in scalars] == [0, 1, 0]
    assert [s["loss_scale/model"] for s in scalars] == [SCALE, SCALE / 2, SCALE / 2]
    assert [s["gradient_carryover/model"] for s in scalars] == [0, 0, 0]
    assert not any("gradient_noise_scale/model" in s for s in scalars)  # the overflow is no micro-batch of the next step
    assert losses[1] == losses[2]  # nothing had moved


def test_a_scaler_that_skips_all_further_steps_is_seen_at_the_end() -> None:
    model = net()
    optimizer = adam(model.parameters())
    scaler = torch.amp.GradScaler("cpu", init_scale=SCALE)
    vitals, sink = attach(model, optimizer)
    x, y = batch()
    for i in range(5):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        scaler.scale(loss * (torch.inf if i > 1 else 1.0)).backward()
        scaler.step(optimizer)
        scaler.update()
    vitals.close()
    assert sink.steps == [0, 1, 2]  # no optimizer has stepped since, so that all later ones are one
    assert dict(sink.records[-1].scalars) == {
        Tag.parse("loss_scale/model"): SCALE / 2**3,
        Tag.parse("skipped_steps/model"): 3.0,
    }


def test_a_fused_optimizer_is_called_for_an_overflow_and_moves_nothing() -> None:
    steps, _, scalars, losses = overflowing(fused=True)
    assert steps == [0, 1, 2, 3]
    assert [s["skipped_steps/model"] for s in scalars] == [0, 0, 1, 0]
    assert scalars[1]["nonfinite_gradients/0.weight"] > 0
    assert scalars[1]["update_ratio/0.weight"] == 0
    assert scalars[2]["update_ratio/0.weight"] > 0
    assert losses[1] == losses[2]


def test_a_disabled_scaler_is_none() -> None:
    model, (x, y) = net(), batch()
    optimizer, scaler = adam(model.parameters()), torch.amp.GradScaler("cpu", enabled=False)
    vitals, sink = attach(model, optimizer)
    norms = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        scaler.scale(F.cross_entropy(model(x), y)).backward()
        norms.append(size(whole(p.grad for p in model.parameters() if p.grad is not None)))
        scaler.step(optimizer)
        scaler.update()
    vitals.close()
    assert sink.series("global_grad_norm/model") == pytest.approx(norms, rel=1e-5)
    assert "loss_scale/model" not in sink.scalars()


@pytest.fixture
def autocast() -> Iterator[None]:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        yield


@pytest.mark.usefixtures("autocast")
def test_under_autocast_activations_are_those_of_the_half_precision_pass() -> None:
    model, (x, y) = net(), batch()
    twin, optimizer = Twin(model, adam), adam(model.parameters())
    vitals, sink = attach(model, optimizer)
    for _ in range(STEPS):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

        assert twin.optimizer is not None
        twin.optimizer.zero_grad()
        a = twin.layers(x)
        assert a.dtype == torch.bfloat16
        loss = F.cross_entropy(a, y)
        twin.backward(loss)
        twin.update()
        expected = {**twin.take(), "loss/train": loss.item()}
    vitals.close()
    assert_recorded(sink, -1, expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_parameters_of_other_precisions(dtype: torch.dtype) -> None:
    model = net().to(dtype)
    x, y = batch()
    x = x.to(dtype)
    twin = Twin(model, lambda p: torch.optim.SGD(p, lr=0.5))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
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
        expected = {**twin.take(), "loss/train": loss.item(), "clip_ratio/model": 1.0, "gradient_carryover/model": 0.0}
    vitals.close()
    assert_recorded(sink, -1, expected, rel=1e-3 if dtype == torch.float16 else 2e-5)


def test_a_gradient_larger_than_half_precision_can_square_has_its_norm_and_its_clipping() -> None:
    model = nn.Linear(4, 3, bias=False).half()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
    vitals, sink = attach(model, optimizer)
    (model(torch.full((2, 4), 2000.0, dtype=torch.float16)) * 10).sum().backward()
    assert model.weight.grad is not None
    before = size(model.weight.grad)
    nn.utils.clip_grad_value_(model.parameters(), 5000.0)
    after = size(model.weight.grad)
    optimizer.step()
    vitals.close()
    assert before > torch.finfo(torch.float16).max
    expected = {
        "grad_norm/weight": after,
        "grad_norm_before_clipping/model": before,
        "clip_ratio/model": after / before,
    }
    assert_recorded(sink, 0, expected, rel=1e-3)
