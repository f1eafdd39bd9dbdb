"""What is measured inside RNN, LSTM and GRU, against plain autograd through the module itself and a hand-written cell."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from recording import readings
from torch import Tensor, nn

from torchvitals.record import recurrent
from torchvitals.record.instruments.forget_gate import ForgetGate
from torchvitals.record.instruments.memory_horizon import MemoryHorizon
from torchvitals.record.recurrent import SAMPLES, excerpt, sequence_gradient_norms
from torchvitals.record.sights import RecurrentSight

D, H, T, N = 3, 5, 7, 6
# PyTorch says so once, of its own.
PROJECTED = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN:UserWarning")
State = Tensor | tuple[Tensor, Tensor] | None


def make(kind: type[nn.RNNBase] = nn.LSTM, **options: Any) -> nn.RNNBase:
    torch.manual_seed(0)
    return kind(D, H, **options)


def sequence(module: nn.RNNBase, *, samples: int = N, steps: int = T) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(samples, steps, D) if module.batch_first else torch.randn(steps, samples, D)


def seen(module: nn.RNNBase, inputs: Tensor, state: State = None) -> tuple[RecurrentSight, Tensor]:
    """What the recorder sees of a pass, and the true ∂L/∂x of that pass: the loss depends on every output differently."""
    x = inputs.detach().clone().requires_grad_()
    output = module(x, state)[0]
    weights = torch.linspace(-1, 1, output.numel(), dtype=output.dtype).view_as(output)
    (gradient_of_output, gradient) = torch.autograd.grad((output.tanh() * weights).sum(), (output, x))
    sight = RecurrentSight(
        subject="m", module=module, inputs=inputs, state=state, output=output.detach(), output_gradient=gradient_of_output
    )
    return sight, gradient


def norms(sight: RecurrentSight) -> Tensor:
    part = excerpt(sight)
    assert part is not None
    return sequence_gradient_norms(part)


def per_step(gradient: Tensor, *, batch_first: bool) -> Tensor:
    return gradient.square().sum(dim=(0, 2) if batch_first else (1, 2)).sqrt()


def measured(instrument: MemoryHorizon | ForgetGate, sight: RecurrentSight) -> dict[str, Any]:
    with torch.no_grad():
        return readings(list(instrument.measure(sight)))


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2}, {"bidirectional": True}, {"num_layers": 2, "bidirectional": True}])
@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_the_gradient_of_every_step_is_that_of_autograd(
    kind: type[nn.RNNBase], options: dict[str, Any], batch_first: bool
) -> None:
    module = make(kind, batch_first=batch_first, **options)
    sight, gradient = seen(module, sequence(module))
    torch.testing.assert_close(norms(sight), per_step(gradient, batch_first=batch_first))


@pytest.mark.parametrize("options", [{"nonlinearity": "relu"}, {"bias": False}])
def test_a_rectified_net_and_one_without_bias(options: dict[str, Any]) -> None:
    module = make(nn.RNN, **options)
    sight, gradient = seen(module, sequence(module))
    torch.testing.assert_close(norms(sight), per_step(gradient, batch_first=False))


@PROJECTED
@pytest.mark.parametrize("bias", [True, False])
def test_a_projected_lstm_that_was_given_a_state(bias: bool) -> None:
    module = make(proj_size=2, num_layers=2, bias=bias)
    state = torch.randn(2, N, 2), torch.randn(2, N, H)
    sight, gradient = seen(module, sequence(module), state)
    torch.testing.assert_close(norms(sight), per_step(gradient, batch_first=False))


def test_a_single_sequence_without_a_batch() -> None:
    module = make(nn.GRU, batch_first=True)
    sight, gradient = seen(module, torch.randn(T, D), torch.randn(1, H))
    torch.testing.assert_close(norms(sight), gradient.norm(dim=1))


def test_dropout_between_the_layers_is_left_out() -> None:
    module, plain = make(num_layers=2, dropout=0.5), make(num_layers=2)
    expected, gradient = seen(plain, sequence(plain))
    sight = RecurrentSight(
        subject="m",
        module=module.train(),
        inputs=expected.inputs,
        state=None,
        output=expected.output,
        output_gradient=expected.output_gradient,
    )
    torch.testing.assert_close(norms(sight), per_step(gradient, batch_first=False))


@pytest.mark.parametrize("batch_first", [False, True])
def test_a_large_batch_is_thinned_and_stands_for_the_whole(batch_first: bool) -> None:
    module = make(batch_first=batch_first)
    samples = 3 * SAMPLES - 1
    sight, gradient = seen(module, sequence(module, samples=samples), (torch.randn(1, samples, H), torch.randn(1, samples, H)))
    chosen = gradient[::3] if batch_first else gradient[:, ::3]
    expected = per_step(chosen, batch_first=batch_first) * math.sqrt(samples / SAMPLES)
    torch.testing.assert_close(norms(sight), expected)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_the_end_of_a_long_sequence_is_exact(kind: type[nn.RNNBase], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurrent, "STEPS", 4)
    module = make(kind, num_layers=2)
    sight, gradient = seen(module, sequence(module, steps=11))
    torch.testing.assert_close(norms(sight), per_step(gradient, batch_first=False)[-4:])


def test_the_end_of_a_long_sequence_read_in_both_directions_begins_at_the_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurrent, "STEPS", 4)
    module = make(bidirectional=True)
    sight, _ = seen(module, sequence(module, steps=11))
    inputs = sight.inputs[-4:].clone().requires_grad_()
    (expected,) = torch.autograd.grad(module(inputs)[0], inputs, sight.output_gradient[-4:])
    torch.testing.assert_close(norms(sight), per_step(expected, batch_first=False))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_double_stays_double_and_half_precision_is_widened(dtype: torch.dtype) -> None:
    module = make().to(dtype)
    wide = make().to(torch.promote_types(dtype, torch.float32))
    wide.load_state_dict(module.state_dict())
    sight, _ = seen(module, sequence(module).to(dtype))
    inputs = sight.inputs.to(wide.weight_ih_l0.dtype).requires_grad_()
    (expected,) = torch.autograd.grad(wide(inputs)[0], inputs, sight.output_gradient.to(inputs.dtype))
    torch.testing.assert_close(norms(sight), per_step(expected, batch_first=False).float())


def test_an_autocast_region_around_us_changes_nothing() -> None:
    module = make()
    sight, gradient = seen(module, sequence(module))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = norms(sight)
    torch.testing.assert_close(found, per_step(gradient, batch_first=False))


@pytest.mark.parametrize("instrument", [MemoryHorizon(), ForgetGate()])
def test_the_module_and_the_random_numbers_stay_as_they_are(instrument: MemoryHorizon | ForgetGate) -> None:
    module = make(num_layers=2, dropout=0.5).train()
    calls: list[str] = []
    module.register_forward_hook(lambda *_: calls.append("forward"))
    module.register_forward_pre_hook(lambda *_: calls.append("before"))
    sight, _ = seen(module, sequence(module))
    module(sequence(module))[0].sum().backward()
    calls.clear()
    weights, gradients = {n: p.clone() for n, p in module.named_parameters()}, [p.grad for p in module.parameters()]
    values = [g.clone() for g in gradients if g is not None]
    flat, random = list(module._flat_weights), torch.get_rng_state()
    inputs, given = sight.inputs.clone(), sight.output_gradient.clone()
    assert measured(instrument, sight)
    assert calls == []
    assert all(torch.equal(p, weights[n]) for n, p in module.named_parameters())
    assert all(p.grad is g for p, g in zip(module.parameters(), gradients, strict=True))
    assert all(torch.equal(g, v) for g, v in zip(gradients, values, strict=True) if g is not None)
    assert all(a is b for a, b in zip(module._flat_weights, flat, strict=True))
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.equal(sight.inputs, inputs)
    assert torch.equal(sight.output_gradient, given)
    assert not sight.inputs.requires_grad


def test_a_subclass_with_a_forward_of_its_own_and_an_empty_batch_are_left_alone() -> None:
    class Twice(nn.LSTM):
        def forward(self, x: Tensor, hx: Any = None) -> Any:
            return super().forward(2 * x, hx)

    module = Twice(D, H)
    sight, _ = seen(module, sequence(module))
    assert measured(MemoryHorizon(), sight) == measured(ForgetGate(), sight) == {}
    empty = torch.zeros(T, 0, D)
    nothing = RecurrentSight(
        subject="m", module=make(), inputs=empty, state=None, output=empty, output_gradient=torch.zeros(T, 0, H)
    )
    assert measured(MemoryHorizon(), nothing) == measured(ForgetGate(), nothing) == {}


@pytest.mark.parametrize("anomaly", [False, True])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_comes_out_as_nan(value: float, anomaly: bool) -> None:
    module = make()
    sight, _ = seen(module, sequence(module))
    sight.output_gradient[-1, 0, 0] = value
    with torch.autograd.set_detect_anomaly(anomaly):
        found = measured(MemoryHorizon(), sight)
    assert not math.isfinite(found["sequence_grad_norm/m"][0])
    assert math.isnan(found["memory_horizon/m"])
    assert math.isnan(found["memory_horizon_fraction/m"])
    sight.inputs[2] = math.nan
    assert math.isnan(measured(ForgetGate(), sight)["forget_gate_mean/m.l0"])


def test_no_gradient_has_no_horizon() -> None:
    module = make()
    sight, _ = seen(module, sequence(module))
    sight.output_gradient.zero_()
    found = measured(MemoryHorizon(), sight)
    assert found["sequence_grad_norm/m"] == [0.0] * T
    assert math.isnan(found["memory_horizon/m"])
    assert math.isnan(found["memory_horizon_fraction/m"])


def gates_by_hand(module: nn.RNNBase, inputs: Tensor, state: tuple[Tensor, Tensor]) -> dict[str, float]:
    """A loop over layers, directions and steps, gate by gate."""
    found = {}
    x = inputs
    for layer in range(module.num_layers):
        sides = []
        for d in range(2 if module.bidirectional else 1):
            suffix = f"l{layer}_reverse" if d else f"l{layer}"
            parts = dict(module.named_parameters())
            index = layer * (2 if module.bidirectional else 1) + d
            h, c = state[0][index], state[1][index]
            outputs: list[Tensor] = []
            gates: list[Tensor] = []
            for t in reversed(range(len(x))) if d else range(len(x)):
                both = x[t] @ parts[f"weight_ih_{suffix}"].T + h @ parts[f"weight_hh_{suffix}"].T
                if module.bias:
                    both = both + parts[f"bias_ih_{suffix}"] + parts[f"bias_hh_{suffix}"]
                i, f, g, o = both.split(module.hidden_size, dim=1)
                c = f.sigmoid() * c + i.sigmoid() * g.tanh()
                h = o.sigmoid() * c.tanh()
                if module.proj_size:
                    h = h @ parts[f"weight_hr_{suffix}"].T
                gates.append(f.sigmoid())
                outputs.append(h)
            found[f"forget_gate_mean/m.{suffix}"] = torch.stack(gates).mean().item()
            sides.append(torch.stack(outputs[::-1] if d else outputs))
        x = torch.cat(sides, dim=2)
    return found


@PROJECTED
@pytest.mark.parametrize("options", [{}, {"bias": False}, {"proj_size": 2}, {"num_layers": 2, "bidirectional": True}])
def test_forget_gates_are_those_of_a_cell_written_by_hand(options: dict[str, Any]) -> None:
    module = make(**options)
    layers = module.num_layers * (2 if module.bidirectional else 1)
    state = torch.randn(layers, N, module.proj_size or H), torch.randn(layers, N, H)
    sight, _ = seen(module, sequence(module), state)
    with torch.no_grad():
        expected = gates_by_hand(module, sight.inputs, state)
    assert measured(ForgetGate(), sight) == {tag: pytest.approx(value, rel=1e-5) for tag, value in expected.items()}


def test_a_raised_forget_bias_shows_and_only_an_lstm_has_one() -> None:
    module = make(batch_first=True)
    nn.init.zeros_(module.weight_ih_l0)
    nn.init.zeros_(module.weight_hh_l0)
    nn.init.zeros_(module.bias_hh_l0)
    nn.init.constant_(module.bias_ih_l0, 1.0)
    sight, _ = seen(module, sequence(module))
    assert measured(ForgetGate(), sight)["forget_gate_mean/m.l0"] == pytest.approx(1 / (1 + math.exp(-1)))
    gru = make(nn.GRU)
    assert measured(ForgetGate(), seen(gru, sequence(gru))[0]) == {}


@pytest.mark.parametrize("instrument", [MemoryHorizon(), ForgetGate()])
def test_nothing_needs_a_value_on_the_host(instrument: MemoryHorizon | ForgetGate) -> None:
    module = make(num_layers=2, bidirectional=True).to("meta")  # where tensors have a shape and no values
    inputs, output = torch.empty(T, N, D, device="meta"), torch.empty(T, N, 2 * H, device="meta")
    sight = RecurrentSight(
        subject="m", module=module, inputs=inputs, state=None, output=output, output_gradient=torch.empty_like(output)
    )
    with torch.no_grad():
        found = list(instrument.measure(sight))
    assert {value.device.type for _, value in found if isinstance(value, Tensor)} == {"meta"}
