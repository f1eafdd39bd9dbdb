"""What each feature speaks for."""

from __future__ import annotations

import numpy as np
import pytest

from torchvitals.present.figures.feature_bars import MOST, feature_bars
from torchvitals.present.theme import CATEGORICAL

VALUES = np.array([[0.5, -1.0, 0.0], [1.0, 2.0, 3.0]])


def test_bars_are_the_attributions_of_the_sample_coloured_by_sign() -> None:
    bars = feature_bars(VALUES, 0, inputs=np.array([[7.0, 8.0, 9.0]])).data[0]
    assert list(bars.x) == [0.5, -1, 0]
    assert list(bars.y) == ["0", "1", "2"]
    assert bars.marker.color == (CATEGORICAL[1], CATEGORICAL[0], CATEGORICAL[0])
    assert list(bars.text) == ["<br>input 7", "<br>input 8", "<br>input 9"]


def test_random_weights_are_marked_beside_them() -> None:
    random = feature_bars(VALUES, 1, randomised=VALUES / 10).data[1]
    assert random.name == "with random weights"
    np.testing.assert_allclose(random.x, VALUES[1] / 10)


def test_the_largest_are_kept_in_the_order_of_the_features() -> None:
    values = np.zeros((1, 200))
    values[0, [150, 3]] = -5.0, 4.0
    figure = feature_bars(values, 0)
    assert len(figure.data[0].x) == MOST
    assert {"3", "150"} <= set(figure.data[0].y)
    assert list(figure.data[0].y) == sorted(figure.data[0].y, key=int)
    assert figure.layout.yaxis.title.text == f"feature ({MOST} of 200)"


def test_what_is_not_finite_is_kept_and_marked() -> None:
    values = np.zeros((1, 200))
    values[0, 60], values[0, 70] = np.nan, -np.inf
    bad = feature_bars(values, 0).data[1]
    assert (list(bad.y), list(bad.text)) == (["60", "70"], ["  NaN", "  -infinity"])


def test_names_are_text() -> None:
    assert list(feature_bars(VALUES, 0, names=["<b>a</b>", "b", "c"]).data[0].y) == ["&lt;b&gt;a&lt;/b&gt;", "b", "c"]


@pytest.mark.parametrize("values", [None, np.ones((1, 3)), np.ones((2, 0))])
def test_nothing_recorded_says_so(values: np.ndarray | None) -> None:
    assert "No attributions" in feature_bars(values, 1).layout.annotations[0].text
