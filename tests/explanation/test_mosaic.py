"""Mosaics against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest

from torchvitals.explanation.evenly import evenly
from torchvitals.explanation.mosaic import GAP, LONGEST, SIDE, mosaic, shades


def by_hand(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.round((np.clip(values, low, high) - low) / (high - low) * 255).astype(np.uint8)


@pytest.mark.parametrize("colours", [(), (3,)])
def test_tiles_stand_row_after_row_with_white_lines_between(colours: tuple[int, ...]) -> None:
    tiles = np.random.default_rng(0).normal(size=(5, 40, 36, *colours)).astype(np.float32)
    found = mosaic(tiles, columns=3)
    assert found.dtype == np.uint8
    assert found.shape == (2 * 40 + 1, 3 * 36 + 2, *colours)
    low, high = np.percentile(tiles, [1, 99])
    for i in range(5):
        top, left = (i // 3) * 41, (i % 3) * 37
        shown = found[top : top + 40, left : left + 36].astype(int)
        assert np.abs(shown - by_hand(tiles[i].astype(np.float64), low, high)).max() <= 1
    assert (found[40] == GAP).all()
    assert (found[:, [36, 73]] == GAP).all()
    assert (found[41:, 74:] == GAP).all(), "what is missing in the last row"


def test_small_tiles_are_enlarged_by_a_whole_factor() -> None:
    tiles = np.arange(2 * 3 * 5, dtype=np.float32).reshape(2, 3, 5)
    found = mosaic(tiles, columns=2)
    factor = -(-SIDE // 3)
    assert found.shape == (3 * factor, 2 * 5 * factor + 1)
    assert np.array_equal(found[::factor, : 5 * factor : factor], shades(tiles)[0])
    assert max(mosaic(np.zeros((64, 3, 3)), columns=64).shape) <= LONGEST


def test_signed_values_are_grey_at_zero() -> None:
    values = np.linspace(-2, 5, 1001)
    values[0] = 0.0
    limit = np.percentile(np.abs(values), 99)
    assert shades(values, signed=True)[0] == 128
    assert np.abs(shades(values, signed=True).astype(int) - by_hand(values, -limit, limit)).max() <= 1


def test_one_huge_value_leaves_the_others_apart() -> None:
    values = np.append(np.linspace(0, 1, 1000), 1e30)
    assert np.unique(shades(values)).size > 200


@pytest.mark.parametrize("signed", [False, True])
def test_what_is_not_finite_has_a_shade(signed: bool) -> None:
    found = shades(np.array([np.nan, np.inf, -np.inf, 0.0, 1.0] + [0.5] * 400, dtype=np.float32), signed=signed)
    assert found[1] == 255
    assert found[0] == found[2] == 0
    assert shades(np.full(3, np.nan)).tolist() == [0, 0, 0]


def test_values_that_are_all_the_same_are_flat() -> None:
    assert shades(np.full(4, 7.0)).tolist() == [0] * 4
    assert shades(np.zeros(4), signed=True).tolist() == [128] * 4


@pytest.mark.parametrize(("total", "most"), [(1, 4), (4, 4), (5, 4), (100, 7), (513, 64)])
def test_an_even_choice_holds_both_ends(total: int, most: int) -> None:
    places = evenly(total, most)
    assert places == np.linspace(0, total - 1, min(total, most)).round().astype(int).tolist()
    assert len(set(places)) == min(total, most)
