"""The cosine between the samples of a batch, against plain numpy over all pairs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from torchvitals.record.instruments.activation_cosine import ActivationCosine
from torchvitals.record.sights import ForwardSight


def measured(x: Tensor) -> dict[str, float]:
    sight = ForwardSight(subject="layer", module=nn.Identity(), activation=None, output=x, unit_dim=-1)
    return {str(tag): float(value) for tag, value in ActivationCosine().measure(sight)}  # type: ignore[arg-type]


def over_pairs(rows: np.ndarray) -> float:
    """The mean over all pairs, one by one."""
    cosines = [a @ b / np.sqrt((a @ a) * (b @ b)) for a, b in itertools.combinations(rows.astype(np.float64), 2)]
    return float(np.mean(cosines))


def normal(*shape: int, shift: float = 0.0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)) + shift


@pytest.mark.parametrize("shift", [0.0, 1.0, 30.0])
@pytest.mark.parametrize("shape", [(2, 8), (20, 32), (7, 3, 4, 5)])
def test_it_is_the_mean_over_all_pairs(shape: tuple[int, ...], shift: float) -> None:
    x = normal(*shape, shift=shift)
    assert measured(x)["activation_cosine/layer"] == pytest.approx(over_pairs(x.flatten(1).numpy()), abs=1e-5)


def test_of_many_samples_and_features_an_even_choice() -> None:
    x = normal(1000, 20_000)
    rows = x[::17][:, ::5].numpy()  # the smallest odd strides that leave 64 samples and 4096 features
    assert measured(x)["activation_cosine/layer"] == pytest.approx(over_pairs(rows), abs=1e-5)


def test_equal_samples_and_silent_ones_are_the_same() -> None:
    assert measured(normal(1, 16).expand(10, 16))["activation_cosine/layer"] == pytest.approx(1.0, abs=1e-6)
    assert measured(torch.zeros(10, 16))["activation_cosine/layer"] == 1.0


@pytest.mark.parametrize("factor", [1e30, 1e-30])
def test_the_size_plays_no_part(factor: float) -> None:
    x = normal(10, 16, shift=0.5)
    assert measured(factor * x)["activation_cosine/layer"] == pytest.approx(over_pairs(x.numpy()), abs=1e-5)


def test_half_precision_is_widened() -> None:
    x = (1000 * normal(16, 64, shift=1.0)).half()
    assert measured(x)["activation_cosine/layer"] == pytest.approx(over_pairs(x.numpy()), abs=1e-4)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_what_is_not_finite_shows(bad: float) -> None:
    x = normal(10, 16)
    x[3, 4] = bad
    assert np.isnan(measured(x)["activation_cosine/layer"])


@pytest.mark.parametrize("x", [torch.tensor(1.0), torch.ones(20), torch.ones(1, 64), torch.ones(10, 7), torch.ones(0, 8)])
def test_where_there_is_nothing_to_compare_nothing_is_read(x: Tensor) -> None:
    assert measured(x) == {}
