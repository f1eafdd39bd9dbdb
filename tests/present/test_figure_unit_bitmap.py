"""Units over steps: the silent ones on top, and every cell where it belongs."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest

from torchvitals.core.series import VectorSeries
from torchvitals.core.tag import Tag
from torchvitals.present.figures.unit_bitmap import MOST_STEPS, MOST_UNITS, unit_bitmap


def rates(matrix: np.ndarray) -> VectorSeries:
    tag = Tag.parse("firing_rate/relu")
    return VectorSeries(tag=tag, step=np.arange(len(matrix)) * 5, value=tuple(np.array(row) for row in matrix))


def _maps(matrix: np.ndarray) -> list[go.Heatmap]:
    return [t for t in unit_bitmap(rates(matrix)).data if isinstance(t, go.Heatmap)]


def test_rows_are_units_from_silent_to_busy() -> None:
    matrix = np.array([[0.9, 0.0, 0.2], [0.8, 0.0, 0.0]])
    base, special = _maps(matrix)
    assert list(base.y) == ["unit 1", "unit 2", "unit 0"]
    np.testing.assert_allclose(base.z, matrix.T[[1, 2, 0]], rtol=1e-6)
    np.testing.assert_array_equal(special.z, [[1, 1], [0, 1], [0, 0]])  # 1: silent


def test_not_finite_is_told_from_silent() -> None:
    figure = unit_bitmap(rates(np.array([[0.5, np.nan], [0.5, 0.0]])))
    _, special = (t for t in figure.data if isinstance(t, go.Heatmap))
    np.testing.assert_array_equal(special.z, [[2, 1], [0, 0]])
    assert [t.name for t in figure.data if isinstance(t, go.Scatter)] == ["silent", "not finite"]


def test_a_layer_whose_units_all_fire_has_no_special_cells() -> None:
    assert len(_maps(np.full((3, 4), 0.5))) == 1


def test_a_column_of_several_steps_is_silent_only_if_all_of_them_are() -> None:
    matrix = np.zeros((2 * MOST_STEPS, 2))
    matrix[1::2, 1] = 0.3  # fires at every second step
    base, special = _maps(matrix)
    assert base.z.shape == (2, MOST_STEPS)
    np.testing.assert_allclose(base.z, [[0.0] * MOST_STEPS, [0.3] * MOST_STEPS], rtol=1e-6)
    np.testing.assert_array_equal(special.z[:, 0], [1, 0])


def test_a_wide_layer_shows_all_of_its_silent_units_and_some_of_the_others() -> None:
    matrix = np.full((2, 1000), 0.5)
    matrix[:, 500:600] = 0.0
    figure = unit_bitmap(rates(matrix))
    base = figure.data[0]
    assert len(base.y) == MOST_UNITS
    assert {f"unit {i}" for i in range(500, 600)} <= set(base.y)
    assert figure.layout.yaxis.title.text == f"{MOST_UNITS} of 1,000 units"


@pytest.mark.parametrize("matrix", [np.zeros((0, 0)), np.zeros((1, 1)), np.full((1, 3), np.nan), np.zeros((3, 0))])
def test_anything_can_be_drawn(matrix: np.ndarray) -> None:
    figure = unit_bitmap(rates(matrix), step=0)
    assert figure.to_json()
    assert figure.data or figure.layout.annotations[0].text


def test_the_step_in_view_is_marked() -> None:
    figure = unit_bitmap(rates(np.full((4, 2), 0.5)), step=12)
    assert [s.x0 for s in figure.layout.shapes] == [10]
