"""Gradients of a cell that is called step by step, against plain autograd."""

from __future__ import annotations

import math

import pytest
import torch
from recording import readings
from torch import Tensor, nn

from torchvitals.record.instruments.cell_gradient import CellGradient
from torchvitals.record.sights import ActivationGradientSight

D, H, T, N = 3, 5, 7, 6


@pytest.mark.parametrize("kind", [nn.RNNCell, nn.LSTMCell, nn.GRUCell])
def test_a_cell_called_in_a_loop_has_a_gradient_for_every_call(kind: type[nn.RNNCellBase]) -> None:
    torch.manual_seed(0)
    cell, other, x = kind(D, H), nn.GRUCell(D, H), torch.randn(T, N, D)
    state, states = None, []
    for step in x:
        state = cell(step, state)
        states.append(state[0] if isinstance(state, tuple) else state)
    gradients = torch.autograd.grad(states[-1].square().sum(), states)
    names = ["net.cell", *(f"net.cell#{i}" for i in range(1, T))]
    sight = ActivationGradientSight(
        subjects=["linear", names[0], "once", *names[1:]],
        modules=[nn.Linear(1, 1), cell, other, *[cell] * (T - 1)],
        norms=[torch.tensor(9.0), gradients[0].norm(), torch.tensor(8.0), *(g.norm() for g in gradients[1:])],
    )
    expected = [pytest.approx(g.norm().item()) for g in gradients]
    assert readings(list(CellGradient().measure(sight))) == {"state_grad_norm/net.cell": expected}


def test_calls_without_a_gradient_leave_the_name_as_it_is() -> None:
    cell = nn.GRUCell(D, H)
    sight = ActivationGradientSight(
        subjects=["cell#1", "cell#2"], modules=[cell, cell], norms=[torch.tensor(math.nan), torch.tensor(2.0).half()]
    )
    (found,) = CellGradient().measure(sight)
    assert str(found[0]) == "state_grad_norm/cell"
    assert isinstance(found[1], Tensor)
    torch.testing.assert_close(found[1], torch.tensor([math.nan, 2.0]), equal_nan=True)
