"""Leftover gradients are seen, wherever the loop forgets to clear them, and only then."""

from __future__ import annotations

import pytest
import torch
from recording import attach, batch, net
from torch import nn

LOSS = nn.CrossEntropyLoss()
PLACES = ("after step", "before forward", "between forward and backward", "set to zero", "never")


def carried(place: str) -> tuple[list[float], list[float]]:
    """Recorded leftovers of four steps, and the norm of all gradients just before each backward pass."""
    model, (x, y) = net(), batch()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    vitals, sink = attach(model, optimizer)
    true = []
    for _ in range(4):
        if place in ("before forward", "set to zero"):
            optimizer.zero_grad(set_to_none=place != "set to zero")
        loss = LOSS(model(x), y)
        if place == "between forward and backward":
            model.zero_grad()
        old = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
        true.append(torch.cat(old).norm().item() if old else 0.0)
        loss.backward()
        optimizer.step()
        if place == "after step":
            optimizer.zero_grad()
    vitals.close()
    return sink.series("gradient_carryover/model"), true


@pytest.mark.parametrize("place", PLACES)
def test_the_leftover_is_what_lay_in_grad_when_backward_began(place: str) -> None:
    recorded, true = carried(place)
    assert recorded == pytest.approx(true, rel=1e-5)
    assert (max(recorded) > 0) == (place == "never")


def test_a_parameter_that_the_optimizer_does_not_own_is_not_counted() -> None:
    model, (x, y) = net(), batch()
    optimizer = torch.optim.SGD(model[2].parameters(), lr=0.1)
    vitals, sink = attach(model, optimizer)
    for _ in range(3):
        optimizer.zero_grad()
        LOSS(model(x), y).backward()
        optimizer.step()
    vitals.close()
    assert model[0].weight.grad.norm() > 0
    assert sink.series("gradient_carryover/model") == [0.0] * 3
