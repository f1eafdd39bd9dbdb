"""Quantiles of a histogram against the values it was made of."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchvitals.core.histogram import Histogram

COUNTS = st.lists(st.integers(0, 50), min_size=1, max_size=12).filter(any)
SHARES = st.floats(0, 1)


def of(counts: list[int]) -> Histogram:
    return Histogram.of(np.cumsum(np.arange(len(counts) + 1.0)) - 3, counts)


@given(COUNTS, SHARES, SHARES)
def test_quantiles_rise_with_the_share(counts: list[int], a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert of(counts).quantile(low) <= of(counts).quantile(high) + 1e-9


@given(COUNTS, SHARES)
def test_a_quantile_has_its_share_of_the_counts_below_it(counts: list[int], share: float) -> None:
    histogram = of(counts)
    at = histogram.quantile(share)
    below = sum(
        c * min(max((at - left) / (right - left), 0.0), 1.0)
        for left, right, c in zip(histogram.left, histogram.right, histogram.count, strict=True)
    )
    assert below == pytest.approx(share * histogram.total, abs=1e-6 * histogram.total)


@given(COUNTS, SHARES, st.integers(1, 5))
def test_quantiles_do_not_depend_on_how_often_everything_was_counted(counts: list[int], share: float, times: int) -> None:
    scaled = [c * times for c in counts]
    assert of(scaled).quantile(share) == pytest.approx(of(counts).quantile(share), abs=1e-6)


@given(st.lists(st.floats(-10, 10), min_size=5, max_size=200), SHARES)
def test_a_quantile_is_that_of_the_values_within_a_bin(values: list[float], share: float) -> None:
    counts, edges = np.histogram(values, np.linspace(-10, 10, 81))
    exact = np.quantile(values, share, method="inverted_cdf")
    assert abs(Histogram.of(edges, counts).quantile(share) - exact) <= 0.25 + 1e-9


@pytest.mark.parametrize("counts", [[0.0], [0.0, 0.0], [math.nan, 1.0]])
def test_of_nothing_there_is_no_quantile(counts: list[float]) -> None:
    assert math.isnan(Histogram.of(np.arange(len(counts) + 1.0), counts).quantile(0.5))


def test_total_counts_everything() -> None:
    assert of([3, 0, 4]).total == 7.0
