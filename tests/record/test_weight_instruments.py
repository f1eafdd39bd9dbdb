"""Instruments about weights, optimizers and batch norm, on sights made by hand, against plain numpy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn, optim

from torchvitals.record.instrument import Instrument
from torchvitals.record.instruments.adam_epsilon import AdamEpsilon
from torchvitals.record.instruments.batch_norm_drift import BatchNormDrift
from torchvitals.record.instruments.modes import Modes
from torchvitals.record.instruments.recurrent_spectral_norm import RecurrentSpectralNorm
from torchvitals.record.instruments.second_moment_rms import SecondMomentRms
from torchvitals.record.instruments.spectral_norm import SpectralNorm
from torchvitals.record.instruments.weight_decay import WeightDecay
from torchvitals.record.instruments.weight_rows import WeightRows
from torchvitals.record.sights import ForwardSight, ModesSight, OptimizerSight, ParameterSight

NAN = math.nan


def normal(*shape: int, seed: int = 0, std: float = 1.0, dtype: torch.dtype = torch.float32) -> Tensor:
    return (std * torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)).to(dtype)


def parameters(name: str = "w", *tensors: Tensor) -> ParameterSight:
    names = [name if i == 0 else f"{name}{i}" for i in range(len(tensors))]
    return ParameterSight(optimizer=0, names=names, parameters=tensors, optimized=[True] * len(tensors))


def of(optimizer: optim.Optimizer, index: int = 0) -> OptimizerSight:
    every = [p for group in optimizer.param_groups for p in group["params"]]
    return OptimizerSight(optimizer=index, value=optimizer, names={id(p): f"p{i}" for i, p in enumerate(every)})


def measured(instrument: Instrument[Any], sight: Any) -> dict[str, Any]:
    found = instrument.measure(sight)
    return {str(tag): value.tolist() if isinstance(value, Tensor) else value for tag, value in found}


ADAMS: list[tuple[type[optim.Optimizer], dict[str, Any]]] = [
    (optim.Adam, {}),
    (optim.Adam, {"amsgrad": True, "foreach": True}),
    (optim.AdamW, {"betas": (0.8, 0.9), "fused": True}),
    (optim.AdamW, {"lr": torch.tensor(1e-3), "capturable": False, "foreach": False}),
    (optim.RAdam, {}),
]


@pytest.mark.parametrize(("make", "options"), ADAMS)
def test_adam_against_its_own_state(make: Any, options: dict[str, Any]) -> None:
    """The state after the step holds the v of this very step; before it, the instrument has to foresee it."""
    p = nn.Parameter(normal(50, 20))
    optimizer = make([p], **{"weight_decay": 0.0, "eps": 1e-3, **options})
    for step in range(1, 5):
        p.grad = normal(50, 20, seed=step, std=0.04 / step) * torch.linspace(0, 1, 20) ** 4
        g = p.grad.double().numpy()
        rms, share = measured(SecondMomentRms(), of(optimizer)), measured(AdamEpsilon(), of(optimizer))
        assert len(rms) == len(share) == (step > 1)
        if step > 1:
            assert share == {"epsilon_dominated_fraction/p0": pytest.approx(_dominated(optimizer, p), abs=1e-6)}
        optimizer.step()
        if step > 1:
            v = _corrected(optimizer, p)
            assert rms == {"second_moment_rms/p0": pytest.approx(np.sqrt((g**2 / np.maximum(v, 1e-6)).mean()), rel=1e-4)}


def _corrected(optimizer: optim.Optimizer, p: Tensor) -> Any:
    state, beta2 = optimizer.state[p], optimizer.param_groups[0]["betas"][1]
    v = state.get("max_exp_avg_sq", state["exp_avg_sq"]).double().numpy()
    return v / (1 - beta2 ** float(state["step"]))


def _dominated(optimizer: optim.Optimizer, p: Tensor) -> float:
    v = _corrected(optimizer, p)
    found = float((np.sqrt(v[v > 0]) < 10 * 1e-3).mean())
    assert 0.1 < found < 0.9
    return found


def test_a_gradient_that_outgrows_its_memory_shows() -> None:
    p = nn.Parameter(torch.ones(100))
    optimizer = optim.AdamW([p], lr=1e-3)
    for step in range(50):
        p.grad = normal(100, seed=step)
        optimizer.step()
    p.grad = normal(100, seed=51)
    assert measured(SecondMomentRms(), of(optimizer))["second_moment_rms/p0"] == pytest.approx(1.0, abs=0.3)
    p.grad = 100 * p.grad
    grown = measured(SecondMomentRms(), of(optimizer))["second_moment_rms/p0"]
    assert grown > 2.3
    optimizer.grad_scale = torch.tensor(100.0)  # as a gradient scaler leaves it to a fused optimizer
    p.grad = 100 * p.grad
    assert measured(SecondMomentRms(), of(optimizer))["second_moment_rms/p0"] == pytest.approx(grown, rel=1e-4)


def test_optimizers_without_a_second_moment_yield_none_and_keep_their_state_as_it_was() -> None:
    p, unknown = nn.Parameter(normal(4)), nn.Parameter(normal(4))
    p.grad = unknown.grad = normal(4)
    before_its_first_step = optim.Adam([p])
    others = [optim.SGD([p], momentum=0.9), optim.RMSprop([p]), optim.Adafactor([p])]
    for optimizer in others:
        optimizer.step()
    for instrument in (AdamEpsilon(), SecondMomentRms()):
        assert [measured(instrument, of(o)) for o in (before_its_first_step, *others)] == [{}] * 4
    assert len(before_its_first_step.state) == 0
    adam = optim.Adam([p, unknown])
    adam.step()
    sight = OptimizerSight(optimizer=0, value=adam, names={id(p): "known"})
    assert list(measured(AdamEpsilon(), sight)) == ["epsilon_dominated_fraction/known"]


def test_epsilon_rules_where_gradients_are_tiny_and_untouched_entries_do_not_count() -> None:
    tiny, rows, dead = (nn.Parameter(torch.ones(10, 10)) for _ in range(3))
    optimizer = optim.Adam([tiny, rows, dead], eps=1e-8)
    tiny.grad, rows.grad, dead.grad = torch.full((10, 10), 1e-9), torch.zeros(10, 10), torch.zeros(10, 10)
    rows.grad[3] = 1.0
    optimizer.step()
    assert list(measured(AdamEpsilon(), of(optimizer)).values()) == [1.0, 0.0, 0.0]


def test_weight_decay_of_each_group_that_has_one() -> None:
    optimizer = optim.SGD([{"params": [nn.Parameter(normal(2))]} for _ in range(3)], lr=0.1)
    for group, decay in zip(optimizer.param_groups, (0.1, 0.0, torch.tensor(0.3)), strict=True):
        group["weight_decay"] = decay
    assert measured(WeightDecay(), of(optimizer)) == {"weight_decay/group0": 0.1, "weight_decay/group2": pytest.approx(0.3)}
    assert next(iter(measured(WeightDecay(), of(optimizer, 1)))) == "weight_decay/optimizer1.group0"
    del optimizer.param_groups[1:], optimizer.param_groups[0]["weight_decay"]
    assert measured(WeightDecay(), of(optimizer)) == {}


def rows(weight: Tensor) -> tuple[Any, Any]:
    found = measured(WeightRows(), parameters("w", weight))
    return found.get("twin_rows_fraction/w"), found.get("weight_std/w")


def test_twin_rows_are_those_with_another_of_the_same_direction() -> None:
    weight = normal(10, 30)
    assert rows(weight) == (0.0, pytest.approx(weight.double().numpy().std(), rel=1e-5))
    weight[3] = 5 * weight[7]
    weight[4] = -weight[8]  # the opposite direction is another one
    weight[1] = weight[2] = 0
    assert rows(weight)[0] == pytest.approx(0.4)
    assert rows(1e-30 * weight)[0] == pytest.approx(0.4)
    assert rows(weight.reshape(10, 3, 2, 5).half())[0] == pytest.approx(0.4)


def test_a_constant_or_zero_weight_is_all_twins_of_spread_zero() -> None:
    for value in (0.0, 0.1, 1e-20, -3.7):
        assert rows(torch.full((300, 500), value)) == (1.0, 0.0)


def test_twins_in_large_weights_stand_for_the_whole() -> None:
    weight = normal(700, 9000)
    share, spread = rows(weight)
    assert share == 0.0
    assert spread == pytest.approx(1.0, abs=0.03)
    assert rows(weight[:1].expand(700, -1))[0] == 1.0
    assert rows(normal(1000, 64)[torch.arange(1000) % 40])[0] == 1.0


def test_short_rows_have_no_twins_and_vectors_no_rows() -> None:
    assert rows(normal(64, 3)) == (None, pytest.approx(normal(64, 3).double().numpy().std(), rel=1e-5))
    for weight in (normal(1, 30), normal(30), normal(3, 0), torch.ones(4, 4, dtype=torch.int64)):
        assert rows(weight) == (None, None)
    broken = normal(10, 30)
    broken[0, 0] = NAN
    assert rows(broken) == (0.0, pytest.approx(NAN, nan_ok=True))


def stretch(weight: Tensor) -> float:
    return float(measured(SpectralNorm(), parameters("w", weight))["spectral_norm/w"])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shape", [(1, 7), (7, 1), (3, 3), (64, 64), (10, 300), (512, 512), (32, 16, 3, 3), (16, 8, 5)])
def test_the_spectral_norm_is_within_two_percent(shape: tuple[int, ...], seed: int) -> None:
    random = normal(*shape, seed=seed)
    for weight in (random, random.half(), random + 1, torch.ones(shape), nn.init.orthogonal_(torch.empty(shape))):
        exact = np.linalg.norm(weight.double().numpy().reshape(shape[0], -1), ord=2)
        assert stretch(weight) == pytest.approx(exact, rel=0.02)


def test_the_spectral_norm_at_the_ends() -> None:
    assert stretch(torch.zeros(5, 4)) == 0.0
    assert math.isnan(stretch(torch.full((5, 4), NAN)))
    for size in (1e-15, 1e15):
        assert stretch(torch.full((5, 4), size)) == pytest.approx(math.sqrt(20) * size)
    assert measured(SpectralNorm(), parameters("w", normal(4), torch.empty(0, 3), torch.ones(2049, 2048))) == {}


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM, nn.LSTMCell])
def test_the_recurrent_norm_is_the_largest_of_the_gates(kind: Any) -> None:
    torch.manual_seed(0)
    module = kind(5, 12)
    named = {name: p.detach() for name, p in module.named_parameters()}
    (name,) = (n for n in named if n.startswith("weight_hh"))
    exact = max(np.linalg.norm(block, ord=2) for block in named[name].double().numpy().reshape(-1, 12, 12))
    sight = ParameterSight(optimizer=0, names=list(named), parameters=list(named.values()), optimized=[True] * len(named))
    assert measured(RecurrentSpectralNorm(), sight) == {f"recurrent_spectral_norm/{name}": pytest.approx(exact, rel=0.02)}


def test_a_projected_recurrence_has_no_square_blocks() -> None:
    assert measured(RecurrentSpectralNorm(), parameters("weight_hh_l0", nn.LSTM(5, 12, proj_size=3).weight_hh_l0)) == {}


def normed(module: nn.Module, x: Tensor | None) -> dict[str, Any]:
    output = torch.empty(0) if x is None else module(x).detach()
    sight = ForwardSight(subject="bn", module=module, activation=None, output=output, unit_dim=1, inputs=x)
    return measured(BatchNormDrift(), sight)


SHAPES = {nn.BatchNorm1d(7): (40, 7), nn.BatchNorm1d(6): (9, 6, 5), nn.BatchNorm2d(4): (8, 4, 6, 6)}


@pytest.mark.parametrize(("module", "shape"), SHAPES.items())
def test_batch_norm_against_numpy(module: nn.Module, shape: tuple[int, ...]) -> None:
    x = 3 + 2 * normal(*shape)
    for _ in range(3):
        found = normed(module, x)
    channels = np.moveaxis(x.double().numpy(), 1, 0).reshape(shape[1], -1)
    mean, variance = channels.mean(axis=1), channels.var(axis=1, ddof=1) + 1e-5
    running_mean, running_var = module.running_mean.double().numpy(), module.running_var.double().numpy()  # type: ignore[union-attr,operator]
    assert found == {
        "batch_norm_mean_drift/bn": pytest.approx(
            np.quantile(abs(running_mean - mean) / np.sqrt(variance), 0.5, method="lower"), rel=1e-4
        ),
        "batch_norm_variance_ratio/bn": pytest.approx(
            np.quantile((running_var + 1e-5) / variance, 0.5, method="lower"), rel=1e-4
        ),
        "batch_norm_samples/bn": channels.shape[1],
    }


@pytest.mark.parametrize("shape", [(64, 8, 64, 64), (5000, 64, 1, 1), (2, 4, 400, 400), (100_000, 2, 1, 1)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_large_batches_are_thinned_evenly(shape: tuple[int, ...], layout: torch.memory_format) -> None:
    x = (3 + 2 * normal(*shape)).to(memory_format=layout)
    found = normed(nn.BatchNorm2d(shape[1], momentum=0.0), x)
    assert found["batch_norm_mean_drift/bn"] == pytest.approx(1.5, rel=0.1)
    assert found["batch_norm_variance_ratio/bn"] == pytest.approx(0.25, rel=0.1)
    assert found["batch_norm_samples/bn"] == math.prod(shape) / shape[1]


def test_batch_norm_is_measured_in_training_mode_with_running_statistics_only() -> None:
    x = normal(8, 4)
    assert normed(nn.BatchNorm1d(4).eval(), x) == normed(nn.BatchNorm1d(4, track_running_stats=False), x) == {}
    assert normed(nn.LayerNorm(4), x) == normed(nn.BatchNorm1d(4), None) == {}
    assert normed(nn.BatchNorm1d(4), torch.zeros(8, 4))["batch_norm_mean_drift/bn"] == 0.0
    assert math.isnan(normed(nn.BatchNorm1d(1), torch.tensor([[NAN], [1.0]]))["batch_norm_mean_drift/bn"])


def test_modules_left_in_evaluation_mode() -> None:
    two = {"bn": nn.BatchNorm2d(3), "drop": nn.Dropout(0.1), "rnn": nn.LSTM(2, 2, num_layers=2, dropout=0.5)}
    one = {
        "batch": nn.BatchNorm1d(3, track_running_stats=False),
        "none": nn.Dropout(0.0),
        "gru": nn.GRU(2, 2),
        "attention": nn.MultiheadAttention(2, 1),
    }
    modules: dict[str, nn.Module] = {**two, **one}
    assert measured(Modes(), ModesSight(modules=modules)) == {"evaluation_modes/model": 0.0}
    for module in modules.values():
        module.eval()
    expected = {**{f"evaluation_mode/{name}": 1.0 for name in two}, "evaluation_modes/model": 3.0}
    assert measured(Modes(), ModesSight(modules=modules)) == expected


def on(device: str) -> list[tuple[Instrument[Any], Any]]:
    weight = normal(40, 30).to(device)
    adam = optim.AdamW([nn.Parameter(weight.clone())], weight_decay=0.0)
    adam.param_groups[0]["weight_decay"] = torch.tensor(0.1, device=device)
    (p,) = adam.param_groups[0]["params"]
    p.grad = normal(40, 30).to(device)
    adam.state[p] = {"step": torch.tensor(3.0), "exp_avg_sq": p.grad**2, "max_exp_avg_sq": p.grad**2}
    bn, x = nn.BatchNorm1d(30).to(device), normal(40, 30).to(device)
    forward = ForwardSight(subject="bn", module=bn, activation=None, output=x, unit_dim=1, inputs=x)
    return [
        (AdamEpsilon(), of(adam)),
        (SecondMomentRms(), of(adam)),
        (WeightDecay(), of(adam)),
        (WeightRows(), parameters("w", weight)),
        (SpectralNorm(), parameters("w", weight)),
        (RecurrentSpectralNorm(), parameters("weight_hh", weight[:30])),
        (BatchNormDrift(), forward),
    ]


@pytest.mark.parametrize("i", range(len(on("cpu"))), ids=lambda i: type(on("cpu")[i][0]).__name__)
def test_nothing_is_read_on_the_host(i: int) -> None:
    """A tensor on the meta device has no values: whoever asks for one raises."""
    instrument, sight = on("meta")[i]
    found = [value for _, value in instrument.measure(sight) if not isinstance(value, float)]
    assert found
    assert all(isinstance(v, Tensor) and v.is_meta and v.ndim == 0 for v in found)
