"""Instruments about gradients, updates and the loop, on sights made by hand, against plain numpy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from torchvitals.record.instrument import Cadence, Instrument, Sample
from torchvitals.record.instruments.activation_gradient_norm import ActivationGradientNorm
from torchvitals.record.instruments.clipping import Clipping
from torchvitals.record.instruments.global_gradient_norm import GlobalGradientNorm
from torchvitals.record.instruments.gradient_cosine import GradientCosine
from torchvitals.record.instruments.gradient_noise import GradientNoise
from torchvitals.record.instruments.gradient_noise_steps import GradientNoiseSteps
from torchvitals.record.instruments.gradient_norm import GradientNorm
from torchvitals.record.instruments.loop_time import LoopTime
from torchvitals.record.instruments.loss_scale import LossScale
from torchvitals.record.instruments.missing_gradient import MissingGradient
from torchvitals.record.instruments.rounded_updates import RoundedUpdates
from torchvitals.record.instruments.update_ratio import UpdateRatio
from torchvitals.record.l2_norms import together
from torchvitals.record.sights import (
    ActivationGradientSight,
    ClippingSight,
    GradientSight,
    LoopSight,
    MicroBatchSight,
    ScalerSight,
    SuccessionSight,
    UpdateSight,
)

NAN, INF = math.nan, math.inf


def normal(*shape: int, seed: int = 0, std: float = 1.0, dtype: torch.dtype = torch.float32) -> Tensor:
    return (std * torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)).to(dtype)


def gradients(*tensors: Tensor, optimizer: int = 0, optimized: list[bool] | None = None, missing: tuple[str, ...] = ()) -> Any:
    return GradientSight(
        optimizer=optimizer,
        names=[f"p{i}" for i in range(len(tensors))],
        gradients=tensors,
        optimized=optimized or [True] * len(tensors),
        missing=missing,
    )


def updates(before: Tensor, after: Tensor, gradient: Tensor | None = None) -> UpdateSight:
    return UpdateSight(names=["p"], sizes=[before.float().norm()], deltas=[before - after], gradients=[gradient])


def measured(instrument: Instrument[Any], sight: Any) -> dict[str, Any]:
    found = instrument.measure(sight)
    return {str(tag): value.tolist() if isinstance(value, Tensor) else value for tag, value in found}


def test_norms_of_every_dtype_and_shape() -> None:
    large = torch.full((100_000,), 300.0, dtype=torch.float16)  # its norm of 94,868 is beyond the largest float16
    tensors = [normal(5), large, normal(3, 4, dtype=torch.float64), normal(64, dtype=torch.bfloat16), torch.empty(0), normal()]
    expected = [float(np.linalg.norm(t.double().numpy())) for t in tensors]
    found = measured(GradientNorm(), gradients(*tensors))
    assert list(found) == [f"grad_norm/p{i}" for i in range(6)]
    assert list(found.values()) == pytest.approx(expected, rel=1e-4)  # a sum of 100,000 equal float32
    assert measured(GlobalGradientNorm(), gradients(*tensors)) == {
        "global_grad_norm/model": pytest.approx(math.hypot(*expected), rel=1e-4)
    }


def test_a_non_finite_gradient_shows_in_its_own_norm_and_in_the_global_one() -> None:
    sight = gradients(normal(3), torch.tensor([1.0, NAN]), torch.tensor([INF]))
    assert list(measured(GradientNorm(), sight).values()) == pytest.approx([normal(3).norm().item(), NAN, INF], nan_ok=True)
    assert math.isnan(measured(GlobalGradientNorm(), sight)["global_grad_norm/model"])


def test_the_global_norm_is_of_what_this_optimizer_owns_and_taken_on_every_step() -> None:
    sight = gradients(
        torch.tensor([3.0]), torch.tensor([100.0]), torch.tensor([4.0]), optimizer=1, optimized=[True, False, True]
    )
    assert measured(GlobalGradientNorm(), sight) == {"global_grad_norm/optimizer1": pytest.approx(5.0)}
    assert measured(GlobalGradientNorm(), gradients(normal(3), optimized=[False])) == {}
    assert GlobalGradientNorm.cadence is Cadence.LIGHT


def test_norms_on_two_devices_meet_on_the_accelerator() -> None:
    here, there = torch.tensor(3.0), torch.tensor(4.0, device="meta")
    assert together([here, there]).device.type == together([there, here]).device.type == "meta"
    assert together([here, torch.tensor(4.0)]).item() == pytest.approx(5.0)


def test_missing_gradients_are_named_and_counted_even_when_there_are_none() -> None:
    assert measured(MissingGradient(), gradients(normal(2))) == {"missing_gradients/model": 0.0}
    assert measured(MissingGradient(), gradients(normal(2), optimizer=2, missing=("a.weight", "b"))) == {
        "missing_gradient/a.weight": 1.0,
        "missing_gradient/b": 1.0,
        "missing_gradients/optimizer2": 2.0,
    }


@pytest.mark.parametrize(
    ("before", "after", "ratio"),
    [(10.0, 1.0, 0.1), (2.0, 2.0, 1.0), (0.0, 0.0, 1.0), (NAN, NAN, 1.0), (INF, NAN, 1.0), (INF, 0.0, 1.0), (5.0, 0.0, 0.0)],
)
def test_clipping_is_the_ratio_of_the_norms_where_it_can_be_told(before: float, after: float, ratio: float) -> None:
    sight = ClippingSight(optimizer=1, before=torch.tensor(before), after=torch.tensor(after))
    found = measured(Clipping(), sight)
    assert found["clip_ratio/optimizer1"] == pytest.approx(ratio)
    assert found["grad_norm_before_clipping/optimizer1"] == pytest.approx(before, nan_ok=True)


def test_activation_gradients_by_module() -> None:
    sight = ActivationGradientSight(subjects=["a", "b#1"], modules=[], norms=[torch.tensor(2.0).half(), torch.tensor(NAN)])
    found = measured(ActivationGradientNorm(), sight)
    assert found == {"activation_grad_norm/a": 2.0, "activation_grad_norm/b#1": pytest.approx(NAN, nan_ok=True)}


def cosine(previous: Tensor, current: Tensor) -> float:
    return float(measured(GradientCosine(), SuccessionSight(previous=previous, current=current))["gradient_cosine/model"])


@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e30])
def test_the_cosine_of_two_gradients_of_any_size(scale: float) -> None:
    a, b = normal(500), normal(500) + normal(500, seed=1)
    x, y = a.double().numpy(), b.double().numpy()
    expected = x @ y / np.linalg.norm(x) / np.linalg.norm(y)
    assert cosine(a * scale, b * scale) == pytest.approx(expected, rel=1e-4)


def test_cosines_at_the_ends() -> None:
    g = normal(300)
    assert cosine(g, 2 * g) == pytest.approx(1.0)
    assert cosine(g.half(), -g.half()) == pytest.approx(-1.0)
    assert cosine(torch.zeros(300), g) == cosine(g, torch.zeros(300)) == cosine(torch.zeros(3), torch.zeros(3)) == 0.0
    assert math.isnan(cosine(torch.tensor([NAN, 1.0]), torch.ones(2)))
    assert measured(GradientCosine(), SuccessionSight(previous=torch.empty(0), current=torch.empty(0))) == {}


def noise_scale(*sketches: Tensor) -> float:
    return float(measured(GradientNoise(), MicroBatchSight(sketches=sketches))["gradient_noise_scale/model"])


@pytest.mark.parametrize("k", [2, 4, 16])
@pytest.mark.parametrize("true_scale", [0.1, 5.0])
def test_the_noise_scale_of_gaussian_gradients_is_recovered(k: int, true_scale: float) -> None:
    """‖G‖² = K and tr Σ = true_scale · K by construction; K is large, so that one step tells."""
    mean = torch.ones(40_000)
    found = [
        noise_scale(*(mean + normal(40_000, seed=100 * s + i, std=math.sqrt(true_scale)) for i in range(k))) for s in range(5)
    ]
    assert np.mean(found) == pytest.approx(true_scale, rel=0.05)


@pytest.mark.parametrize("factor", [1.0, 1e-25, 65536.0])
def test_the_noise_scale_is_the_quotient_of_the_unbiased_parts_and_blind_to_a_common_factor(factor: float) -> None:
    g = np.stack([normal(50, seed=i).double().numpy() + 1 for i in range(3)])
    trace = g.var(axis=0, ddof=1).sum()
    signal = (g.mean(axis=0) ** 2).sum() - trace / 3
    assert noise_scale(*torch.tensor(g * factor).float()) == pytest.approx(trace / signal, rel=1e-4)


def test_noise_scales_at_the_ends() -> None:
    g = normal(100)
    assert noise_scale(g, g, g) == pytest.approx(0.0, abs=1e-5)
    assert noise_scale(g, -g) == INF
    assert noise_scale(torch.zeros(4), torch.zeros(4)) == 0.0
    assert math.isnan(noise_scale(torch.tensor([NAN]), torch.ones(1)))
    assert measured(GradientNoise(), MicroBatchSight(sketches=[g])) == {}
    assert measured(GradientNoise(), MicroBatchSight(sketches=[torch.empty(0), torch.empty(0)])) == {}


def test_the_two_parts_from_successive_steps_have_no_bias() -> None:
    """‖G‖² = 0.01 · 1000 = 10 and tr Σ = 4 · 1000: one step's quotient is useless, that of the means is not."""
    parts = []
    for s in range(400):
        previous, current = (0.1 + normal(1000, seed=2 * s + i, std=2.0) for i in (0, 1))
        found = measured(GradientNoiseSteps(), SuccessionSight(previous=previous, current=current))
        a, b = previous.double().numpy(), current.double().numpy()
        assert list(found.values()) == pytest.approx([a @ b, ((a - b) ** 2).sum() / 2], rel=1e-3, abs=1e-3)
        parts.append(tuple(found.values()))
    signal, noise = np.array(parts).T
    assert (signal < 0).mean() == pytest.approx(0.5, abs=0.1), "which is why the quotient is not taken at once"
    assert signal.mean() == pytest.approx(10, abs=4 * signal.std() / 20)
    assert noise.mean() == pytest.approx(4000, rel=0.01)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_updates_that_half_precision_swallows(dtype: torch.dtype) -> None:
    before, gradient = normal(80, 100, dtype=dtype), normal(80, 100, seed=1, dtype=dtype)
    gradient[:20] = 0
    after = before - (1e-3 * gradient.float()).to(dtype)
    pulled = gradient.float().numpy() != 0
    stood = before.float().numpy() == after.float().numpy()
    expected = (pulled & stood).sum() / pulled.sum()
    assert 0.02 < expected < 0.98
    assert measured(RoundedUpdates(), updates(before, after, gradient)) == {"rounded_updates/p": pytest.approx(expected)}


def test_rounding_is_a_share_of_a_sample_in_large_weights_and_no_matter_for_others() -> None:
    weight = torch.ones(300, 1000, dtype=torch.bfloat16)
    gradient = torch.ones_like(weight)
    assert measured(RoundedUpdates(), updates(weight, weight, gradient)) == {"rounded_updates/p": 1.0}
    assert measured(RoundedUpdates(), updates(weight, weight, 0 * gradient)) == {"rounded_updates/p": 0.0}
    assert measured(RoundedUpdates(), updates(weight, weight)) == {}
    assert measured(RoundedUpdates(), updates(weight.float(), weight.float(), gradient)) == {}
    assert measured(RoundedUpdates(), updates(weight[:0], weight[:0], gradient[:0])) == {}


@pytest.mark.parametrize(
    ("before", "after", "ratio"),
    [
        ([3.0, 4.0], [3.0, 4.5], 0.1),
        ([1.0], [1.0], 0.0),
        ([0.0], [0.0], 0.0),
        ([0.0], [0.1], INF),
        ([1.0], [NAN], NAN),
        ([], [], 0.0),
    ],
)
def test_update_ratios(before: list[float], after: list[float], ratio: float) -> None:
    found = measured(UpdateRatio(), updates(torch.tensor(before), torch.tensor(after)))
    assert found == {"update_ratio/p": pytest.approx(ratio, nan_ok=True)}


def test_update_ratios_of_many_parameters_keep_their_names_and_leave_the_sight_alone() -> None:
    weights = [normal(n, seed=n, dtype=d) for n, d in ((5, torch.float32), (7, torch.float16), (9, torch.float64))]
    deltas = [normal(b.numel(), seed=50, std=0.1, dtype=b.dtype) for b in weights]
    kept = [d.clone() for d in deltas]
    sight = UpdateSight(names=["a", "b", "c"], sizes=[b.norm() for b in weights], deltas=deltas, gradients=[None] * 3)
    expected = {
        f"update_ratio/{name}": pytest.approx(np.linalg.norm(d.double().numpy()) / np.linalg.norm(b.double().numpy()), rel=1e-3)
        for name, b, d in zip("abc", weights, deltas, strict=True)
    }
    assert measured(UpdateRatio(), sight) == expected
    assert all(torch.equal(a, b) for a, b in zip(deltas, kept, strict=True))


def test_the_scaler_and_the_loop_as_they_are() -> None:
    assert measured(LossScale(), ScalerSight(scale=torch.tensor(65536.0), skipped=torch.tensor(2))) == {
        "loss_scale/model": 65536.0,
        "skipped_steps/model": 2.0,
    }
    assert measured(LoopTime(), LoopSight(step_s=0.01, cost_s=0.002, interval=7)) == {
        "step_time_s/loop": 0.01,
        "recorder_cost_s/loop": 0.002,
        "sampling_interval/loop": 7.0,
    }


def on(device: str) -> list[tuple[Instrument[Any], Any]]:
    a, b = normal(40, 30).to(device), normal(40, 30, seed=1).to(device)
    pair = SuccessionSight(previous=a[0], current=b[0])
    return [
        (GradientNorm(), gradients(a, b)),
        (GlobalGradientNorm(), gradients(a, b)),
        (Clipping(), ClippingSight(optimizer=0, before=a[0, 0], after=a[0, 1])),
        (ActivationGradientNorm(), ActivationGradientSight(subjects=["m"], modules=[], norms=[a[0, 0]])),
        (LossScale(), ScalerSight(scale=a[0, 0], skipped=a[0, 1])),
        (GradientCosine(), pair),
        (GradientNoiseSteps(), pair),
        (GradientNoise(), MicroBatchSight(sketches=[a[0], b[0]])),
        (RoundedUpdates(), UpdateSight(names=["p"], sizes=[a[0, 0]], deltas=[a.half()], gradients=[b])),
        (UpdateRatio(), UpdateSight(names=["p"], sizes=[a[0, 0]], deltas=[a], gradients=[b])),
    ]


@pytest.mark.parametrize("i", range(len(on("cpu"))), ids=lambda i: type(on("cpu")[i][0]).__name__)
def test_nothing_is_read_on_the_host_and_nothing_shown_is_handed_on(i: int) -> None:
    """A tensor on the meta device has no values: whoever asks for one raises."""
    instrument, sight = on("meta")[i]
    found: list[Tensor | float | Sample] = [value for _, value in instrument.measure(sight)]
    assert found
    assert all(isinstance(v, Tensor) and v.is_meta and v.ndim == 0 for v in found)
    instrument, sight = on("cpu")[i]
    shown = {t.untyped_storage().data_ptr() for t in _tensors(sight)}
    assert shown.isdisjoint(v.untyped_storage().data_ptr() for _, v in instrument.measure(sight) if isinstance(v, Tensor))


def _tensors(sight: Any) -> list[Tensor]:
    fields = [getattr(sight, name) for name in sight.__slots__]
    flat = [one for field in fields for one in (field if isinstance(field, list | tuple) else [field])]
    return [one for one in flat if isinstance(one, Tensor)]
