"""Small statistics against numpy and plain Python; NaN neither warns nor spreads."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchvitals.core.stats import first_true, median, persistent, smooth

MIXED = st.lists(st.one_of(st.floats(-1e6, 1e6), st.sampled_from([math.nan, math.inf, -math.inf])), max_size=40)


@given(MIXED)
def test_median_is_that_of_the_finite_values(values: list[float]) -> None:
    finite = [v for v in values if math.isfinite(v)]
    found = median(np.array(values, dtype=float))
    assert math.isnan(found) if not finite else found == np.median(finite)


@given(MIXED, st.integers(1, 50))
def test_smooth_is_the_trailing_mean_of_the_finite_values(values: list[float], window: int) -> None:
    found = smooth(np.array(values, dtype=float), window)
    for i, mean in enumerate(found):
        seen = [v for v in values[max(0, i - window + 1) : i + 1] if math.isfinite(v)]
        assert math.isnan(mean) if not seen else mean == pytest.approx(np.mean(seen), abs=1e-6)


@given(st.lists(st.booleans(), max_size=20), st.floats(0, 1))
def test_persistent_is_a_share_of_the_probes_and_never_of_none(mask: list[bool], share: float) -> None:
    assert persistent(np.array(mask, dtype=bool), share) == (len(mask) > 0 and sum(mask) / len(mask) >= share)


def test_first_true() -> None:
    step = np.array([3, 6, 9])
    assert first_true(np.array([False, True, True]), step) == 6
    assert first_true(np.zeros(3, dtype=bool), step) is None
