from __future__ import annotations

import numpy as np
import pytest

from torchvitals.core.series import VectorSeries
from torchvitals.core.tag import Tag
from torchvitals.present.figures.vector_map import MAX_ROWS, MAX_STEPS, vector_map


def vectors(*rows: object) -> VectorSeries:
    return VectorSeries(
        tag=Tag.parse("sequence_grad_norm/lstm"),
        step=np.arange(len(rows), dtype=np.int64) * 10,
        value=tuple(np.array(row, dtype=np.float64) for row in rows),
    )


def test_a_column_is_a_step_and_a_row_an_element() -> None:
    trace = vector_map(vectors([0.2, 0.4, 0.6], [0.3, 0.5, 0.7]), row="head", fraction=True).data[0]
    assert np.allclose(trace.z, [[0.2, 0.3], [0.4, 0.5], [0.6, 0.7]])
    assert list(trace.x) == [0, 10]
    assert list(trace.y) == [0, 1, 2]
    assert (trace.zmin, trace.zmax) == (0.0, 1.0)


def test_what_spans_decades_is_logarithmic_and_zero_takes_the_lowest_colour() -> None:
    trace = vector_map(vectors([1e-6, 1e-3, 1.0], [0.0, 1e-2, 1.0]), row="time step").data[0]
    assert np.allclose(trace.z, [[-6, -6], [-3, -2], [0, 0]])
    assert np.allclose(trace.customdata, [[1e-6, 0], [1e-3, 1e-2], [1, 1]])


def test_sequences_of_several_lengths_stand_side_by_side() -> None:
    trace = vector_map(vectors([0.1, 0.2], [0.3, 0.4, 0.5]), row="time step").data[0]
    assert np.isnan(trace.z[2][0])
    assert np.isclose(trace.z[2][1], 0.5)


def test_what_is_not_finite_has_a_colour_and_a_word() -> None:
    figure = vector_map(vectors([1.0, 2.0], [np.nan, 3.0], [np.inf, 2.0]), row="head")
    paint, entry = figure.data[1:]
    assert np.array_equal(np.isfinite(np.array(paint.z, dtype=float)), [[False, True, True], [False, False, False]])
    assert entry.name == "not finite, from step 10"


def test_a_long_sequence_and_a_long_run_are_strided_and_the_last_step_stays() -> None:
    trace = vector_map(vectors(*np.random.default_rng(0).uniform(size=(700, 1000))), row="time step").data[0]
    assert trace.z.shape == (MAX_ROWS, MAX_STEPS)
    assert trace.x[-1] == 6990
    assert list(trace.y[:3]) == [0, 5, 10]


@pytest.mark.parametrize("value", [np.nan, 0.0, -1.0, 1e300])
def test_one_vector_of_anything_is_drawn(value: float) -> None:
    assert vector_map(vectors([value, value]), row="head").data


@pytest.mark.parametrize("rows", [(), ([],)])
def test_nothing_recorded_is_said(rows: tuple[list[float], ...]) -> None:
    assert not vector_map(vectors(*rows), row="head").data
