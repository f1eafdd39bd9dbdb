"""How many steps back the gradient reaches, on norms written down and on nets made to remember or to forget."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from recording import attach, readings
from torch import Tensor, nn

from torchvitals.record import recurrent
from torchvitals.record.instruments.memory_horizon import MemoryHorizon, memory_horizon
from torchvitals.record.sights import RecurrentSight


@pytest.mark.parametrize(
    ("values", "horizon", "from_the_first"),
    [
        ([0.001, 0.005, 0.1, 1.0], 2, False),
        ([0.1, 0.5, 0.1, 1.0], 4, True),
        ([5.0, 0.001, 0.1, 1.0], 2, False),  # it returns before the gap, but what is back there did not come through it
        ([0.0, 0.5, 1.0, 0.0, 0.0], 2, False),  # padding at the end
        ([0.0, 0.01, 1.0], 1, False),  # 1 % itself is gone
        ([3.0], 1, True),
    ],
)
def test_the_horizon_is_the_last_run_above_one_percent(values: list[float], horizon: int, from_the_first: bool) -> None:
    found, whole = memory_horizon(torch.tensor(values))
    assert found.item() == horizon
    assert whole.item() is from_the_first


def last_step_only(module: nn.RNN, steps: int) -> dict[str, Any]:
    """What a loss at the last step alone gives."""
    inputs = torch.randn(steps, 6, 3)
    output = module(inputs)[0].detach()
    gradient = torch.zeros_like(output)
    gradient[-1] = 1.0
    sight = RecurrentSight(subject="m", module=module, inputs=inputs, state=None, output=output, output_gradient=gradient)
    return readings(list(MemoryHorizon().measure(sight)))


def orthogonal(gain: float) -> nn.RNN:
    """An RNN whose units stay where tanh is straight, so that only its recurrent matrix counts."""
    torch.manual_seed(0)
    module = nn.RNN(3, 5)
    nn.init.orthogonal_(module.weight_hh_l0, gain=gain)
    with torch.no_grad():
        module.weight_ih_l0.mul_(0.01)
        module.bias_ih_l0.zero_()
        module.bias_hh_l0.zero_()
    return module


def test_orthogonal_recurrent_weights_remember_and_small_ones_forget() -> None:
    remembers, forgets = last_step_only(orthogonal(1.0), 40), last_step_only(orthogonal(0.2), 40)
    assert (remembers["memory_horizon/m"], remembers["memory_horizon_fraction/m"]) == (40, 1)
    assert forgets["memory_horizon/m"] == 3  # 0.2² is above 1 %, 0.2³ below
    assert forgets["memory_horizon_fraction/m"] == pytest.approx(3 / 40)
    assert len(remembers["sequence_grad_norm/m"]) == 40


def test_a_horizon_beyond_what_was_looked_at_counts_as_the_whole_sequence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurrent, "STEPS", 10)
    remembers, forgets = last_step_only(orthogonal(1.0), 40), last_step_only(orthogonal(0.2), 40)
    assert (remembers["memory_horizon/m"], remembers["memory_horizon_fraction/m"]) == (10, 1)
    assert forgets["memory_horizon/m"] == 3
    assert forgets["memory_horizon_fraction/m"] == pytest.approx(3 / 40)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_a_network_that_reads_the_last_state_alone_has_a_horizon_too(kind: type[nn.RNNBase], bidirectional: bool) -> None:
    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.recurrent = kind(3, 4, num_layers=2, batch_first=True, bidirectional=bidirectional)  # type: ignore[arg-type]
            self.head = nn.Linear(4, 1)

        def forward(self, x: Tensor) -> Tensor:
            last = self.recurrent(x)[1]
            return self.head((last[0] if isinstance(last, tuple) else last)[-1])

    torch.manual_seed(0)
    model, x = Reader(), torch.randn(5, 7, 3)
    twin = x.clone().requires_grad_()
    model(twin).pow(2).mean().backward()
    assert twin.grad is not None
    expected = twin.grad.norm(dim=(0, 2))
    model.zero_grad()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    vitals, sink = attach(model, optimizer)
    model(x).pow(2).mean().backward()
    optimizer.step()
    vitals.close()
    assert sink.vectors(0)["sequence_grad_norm/recurrent"] == pytest.approx(expected.tolist(), rel=1e-4)
