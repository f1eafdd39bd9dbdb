"""Series keep their shape, their NaN and their read-only arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchvitals.core.histogram import Histogram
from torchvitals.core.series import HistogramSeries, Series, VectorSeries
from torchvitals.core.tag import Tag

TAG = Tag(measure="m", subject="s")
STEPS = np.array([0, 10, 20])


def series(values: list[float], first: int = 0) -> Series:
    return Series(tag=TAG, step=np.arange(first, first + len(values)), value=np.array(values, dtype=float), unit="u")


@given(st.lists(st.floats()), st.integers(-5, 5))
def test_finite_drops_exactly_what_is_not_finite(values: list[float], first: int) -> None:
    kept = series(values, first).finite()
    assert kept.value.tolist() == [v for v in values if np.isfinite(v)]
    assert kept.step.tolist() == [first + i for i, v in enumerate(values) if np.isfinite(v)]
    assert (kept.tag, kept.unit) == (TAG, "u")


@given(st.integers(-3, 12), st.integers(-3, 12))
def test_between_includes_both_ends(first: int, last: int) -> None:
    kept = series([0.0] * 10).between(first, last)
    assert kept.step.tolist() == [s for s in range(10) if first <= s <= last]


@pytest.mark.parametrize(("step", "value"), [((3,), (2,)), ((2, 2), (2, 2)), ((), ())])
def test_shapes_that_do_not_fit_are_refused(step: tuple[int, ...], value: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"m/s: .* must be \(S,\)"):
        Series(tag=TAG, step=np.zeros(step, dtype=np.int64), value=np.zeros(value))


def test_a_matrix_has_a_row_a_step_and_nan_where_the_length_was_another() -> None:
    vectors = VectorSeries(tag=TAG, step=STEPS, value=(np.ones(2), np.ones(3), np.zeros(3)))
    assert np.array_equal(vectors.matrix(), [[np.nan] * 3, [1] * 3, [0] * 3], equal_nan=True)
    assert VectorSeries(tag=TAG, step=STEPS[:0], value=()).matrix().shape == (0, 0)


def test_arrays_are_read_only() -> None:
    scalar = series([1.0, 2.0, 3.0])
    vectors = VectorSeries(tag=TAG, step=np.array([0]), value=(np.ones(2),))
    histogram = Histogram.of([0.0, 1.0], [1])
    histograms = HistogramSeries(tag=TAG, step=np.array([0]), value=(histogram,))
    arrays = [scalar.step, scalar.value, vectors.step, *vectors.value, histograms.step, histogram.left, histogram.count]
    for array in arrays:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 7
