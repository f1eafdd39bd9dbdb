"""As often right as sure."""

from __future__ import annotations

import numpy as np
import pytest

from torchvitals.present.figures.confidence import confidence

COUNT = np.array([0, 0, 4, 0, 0, 0, 0, 0, 0, 16.0])
RIGHT = np.array([0, 0, 1, 0, 0, 0, 0, 0, 0, 12.0])


def test_filled_bins_stand_at_their_middle_with_the_share_that_was_right() -> None:
    recorded = next(t for t in confidence(COUNT, RIGHT).data if t.name == "recorded")
    np.testing.assert_allclose(recorded.x, [0.25, 0.95])
    np.testing.assert_allclose(recorded.y, [0.25, 0.75])
    assert list(recorded.text) == ["20% to 30% sure<br>1 of 4 right", "90% to 100% sure<br>12 of 16 right"]
    assert recorded.marker.size[0] < recorded.marker.size[1]


def test_the_counts_of_all_bins_stand_below() -> None:
    bars = next(t for t in confidence(COUNT, RIGHT).data if t.name == "samples")
    assert list(bars.y) == COUNT.tolist()
    assert bars.yaxis == "y2"


def test_the_line_of_perfect_calibration_is_drawn() -> None:
    line = confidence(COUNT, RIGHT).data[0]
    assert (list(line.x), list(line.y)) == ([0, 1], [0, 1])


@pytest.mark.parametrize(
    ("count", "right"), [(None, RIGHT), (COUNT, None), (COUNT, RIGHT[:3]), (0 * COUNT, RIGHT), (np.full(10, np.nan), RIGHT)]
)
def test_nothing_recorded_says_so(count: np.ndarray | None, right: np.ndarray | None) -> None:
    assert "No confidence" in confidence(count, right).layout.annotations[0].text
