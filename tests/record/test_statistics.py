"""The tensor arithmetic against float64 numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from torchvitals.record.statistics import (
    COUNTED,
    EXACT,
    SAMPLE,
    firing_rate,
    log_counts,
    log_edges,
    moments,
    nonfinite_count,
    nonfinite_counts,
    strided_sample,
)


def normal(*shape: int, mean: float = 0.0, std: float = 1.0, dtype: torch.dtype = torch.float32) -> Tensor:
    return (mean + std * torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)).to(dtype)


def twin(x: Tensor) -> list[float]:
    a = x.double().numpy()
    return [a.mean(), a.std(), np.sqrt((a**2).mean()), a.min(), a.max()]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (1000.0, 0.5), (-3.0, 1e-3), (0.0, 3e4 / 6)])
def test_moments_are_those_of_numpy(mean: float, std: float, dtype: torch.dtype) -> None:
    x = normal(64, 100, mean=mean, std=std, dtype=dtype)
    assert moments(x).tolist() == pytest.approx(twin(x), rel=1e-4, abs=std * 1e-4)
    assert moments(x).dtype == torch.float32


def test_the_spread_of_a_large_tensor_comes_from_a_sample() -> None:
    x = normal(100, 100, 100)
    assert strided_sample(x, EXACT).numel() <= EXACT
    assert moments(x).tolist() == pytest.approx(twin(x), rel=0.03, abs=1e-5)


@pytest.mark.parametrize("poison", [float("nan")])
def test_one_nan_shows_in_every_moment(poison: float) -> None:
    x = normal(50, 50)
    x[7, 7] = poison
    assert moments(x).isnan().all()


def test_moments_of_one_element_and_of_a_non_contiguous_view() -> None:
    assert moments(torch.tensor([2.0])).tolist() == [2.0, 0.0, 2.0, 2.0, 2.0]
    view = normal(3, 8, 5, 5).to(memory_format=torch.channels_last)[:, ::2].transpose(1, 3)
    assert moments(view).tolist() == pytest.approx(twin(view), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("size", [1, 2047, 2048, 2049, 64 * 64 * 32, 1_000_003])
def test_a_sample_is_small_spread_out_and_odd(size: int) -> None:
    sample = strided_sample(torch.arange(size), SAMPLE)
    assert len(sample) <= SAMPLE
    assert size <= SAMPLE or len(sample) > SAMPLE / 4
    if len(sample) < size:
        assert (sample[1] - sample[0]) % 2 == 1
        assert sample[-1] >= size - (sample[1] - sample[0])


@pytest.mark.parametrize(("shape", "unit_dim"), [((32, 7), -1), ((8, 5, 4, 4), 1), ((8, 6, 9), -1)])
def test_firing_rates_are_shares_per_unit(shape: tuple[int, ...], unit_dim: int) -> None:
    x = normal(*shape, mean=-0.3).relu()
    units = np.moveaxis(x.numpy(), unit_dim, 0).reshape(shape[unit_dim], -1)
    assert firing_rate(x, unit_dim).tolist() == pytest.approx((units > 0).mean(axis=1).tolist())


def size(x: Tensor) -> Tensor:
    return torch.linalg.vector_norm(x.double()).float()


def test_nonfinite_elements_of_small_tensors_are_counted_one_by_one() -> None:
    tensors = [torch.tensor([1.0, torch.nan, torch.inf, -torch.inf]), normal(3, 4), torch.empty(0), torch.full((9,), torch.nan)]
    assert [nonfinite_count(t, size(t)).item() for t in tensors] == [3, 0, 0, 9]
    assert nonfinite_counts(tensors, torch.stack([size(t) for t in tensors])).tolist() == [3, 0, 0, 9]


def test_one_nan_in_a_large_tensor_is_never_missed_and_many_are_estimated() -> None:
    one, half, none = normal(50 * COUNTED), normal(50 * COUNTED), normal(50 * COUNTED)
    one[1] = torch.nan  # no element of the sample
    half[: 25 * COUNTED] = torch.inf
    sizes = torch.stack([size(t) for t in (one, half, none)])
    counts = nonfinite_counts([one, half, none], sizes).tolist()
    assert counts == [1, pytest.approx(25 * COUNTED, rel=0.01), 0]
    assert [nonfinite_count(t, s).item() for t, s in zip((one, half, none), sizes, strict=True)] == pytest.approx(counts)


@pytest.mark.parametrize(
    "x",
    [
        normal(2048),
        normal(500, std=1e-8),
        normal(500, std=1e5),
        torch.zeros(300),
        torch.tensor([0.0, 1.0, -1.0, 2.0**0.5, 2.0**20 - 1, -(2.0**-40)]),
    ],
)
def test_bins_count_like_numpy(x: Tensor) -> None:
    edges = log_edges().double().numpy()
    expected, _ = np.histogram(x.double().numpy(), edges)
    (counts,) = log_counts([x])
    assert counts.tolist() == expected.tolist()


def test_values_beyond_the_last_edges_are_kept_and_nonfinite_ones_left_out() -> None:
    first, second, third = log_counts(
        [torch.tensor([1e30, -1e30, 3.0]), torch.tensor([torch.nan, torch.inf, -torch.inf, 1.0]), torch.full((4,), torch.nan)]
    )
    assert (first[0].item(), first[-1].item(), first.sum().item()) == (1, 1, 3)
    assert second.sum().item() == 1
    assert third.count_nonzero().item() == 0


def test_samples_of_different_sizes_and_with_nan_among_them_are_counted_each_like_numpy() -> None:
    samples = [normal(n, std=10.0) for n in (3, 24, 700, 1, 2048)]
    for sample in samples:
        sample[::4] = torch.nan
    edges = log_edges().double().numpy()
    for sample, counts in zip(samples, log_counts(samples), strict=True):
        finite = sample[sample.isfinite()].double().numpy()
        assert counts.tolist() == np.histogram(finite, edges)[0].tolist()
