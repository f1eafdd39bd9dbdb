"""Many small pictures as one array."""

from __future__ import annotations

import numpy as np
import pytest

from torchvitals.present.tiles import folded, lay_out, picture, resized, robust_limit, strongest


def test_tiles_stand_row_by_row_with_gaps_between_them() -> None:
    tiles = lay_out([np.full((2, 3), float(i)) for i in range(5)], columns=3)
    assert tiles.pixels.shape == (2 * 2 + 1, 3 * 3 + 2)
    assert (tiles.rows, tiles.columns) == (2, 3)
    assert tiles.pixels[0, [0, 4, 8]].tolist() == [0, 1, 2]
    assert tiles.pixels[3, [0, 4]].tolist() == [3, 4]
    assert np.isnan(tiles.pixels[2]).all()
    assert np.isnan(tiles.pixels[:, 3]).all()
    assert np.isnan(tiles.pixels[3:, 8:]).all()  # there is no sixth tile


def test_box_and_centres_frame_the_pixels_of_a_tile() -> None:
    tiles = lay_out([np.zeros((4, 4))] * 6, columns=3)
    left, top, right, bottom = tiles.box(4)
    assert (left, top, right, bottom) == (4.5, 4.5, 8.5, 8.5)
    assert (tiles.x[1], tiles.y[1]) == ((left + right) / 2, (top + bottom) / 2)


@pytest.mark.parametrize("pictures", [[], [np.zeros((2, 2)), np.zeros((3, 3))], [np.zeros((0, 3))]])
def test_nothing_or_different_shapes_are_refused(pictures: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match="one shape and not empty"):
        lay_out(pictures, columns=2)


def test_a_flat_tile_is_stretched_until_it_can_be_seen() -> None:
    flat = lay_out([np.arange(30.0)[None]], columns=1)
    assert (flat.height, flat.width) == (5, 30)
    assert (flat.pixels == np.arange(30.0)).all()
    slim = lay_out([np.arange(30.0)[:, None]], columns=1)
    assert (slim.height, slim.width) == (30, 5)


def test_a_picture_of_each_shape() -> None:
    rng = np.random.default_rng(0)
    colour, grey, many, deep, signal = (rng.normal(size=s) for s in ((3, 4, 5), (1, 4, 5), (6, 4, 5), (1, 7, 4, 5), (3, 9)))
    assert (picture(colour) == colour.transpose(1, 2, 0)).all()
    assert (picture(grey) == grey[0]).all()
    assert (picture(many, channel=4) == many[4]).all()
    assert (picture(many) == many[np.linalg.norm(many.reshape(6, -1), axis=1).argmax()]).all()
    assert (picture(deep) == deep[0, 3]).all()
    assert (picture(signal) == signal).all()
    assert picture(np.arange(9.0)).tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert picture(np.arange(7.0)).shape == (1, 7)


def test_the_strongest_channel_is_not_the_one_with_nan() -> None:
    values = np.ones((3, 2, 2))
    values[0, 0, 0], values[1, 0, 0], values[2] = np.nan, np.inf, 2.0
    assert strongest(values) == 2


def test_flattened_images_are_folded_and_tables_are_not() -> None:
    assert folded(np.zeros((5, 64))).shape == (5, 1, 8, 8)
    assert folded(np.zeros((5, 49))).shape == (5, 49)
    assert folded(np.zeros((5, 65))).shape == (5, 65)
    assert folded(np.zeros((5, 2, 8, 8))).shape == (5, 2, 8, 8)


@pytest.mark.parametrize(("values", "limit"), [([np.nan], 1.0), ([], 1.0), ([0.0, 0.0], 1.0), ([np.inf, -2.0], 2.0)])
def test_there_is_always_a_limit(values: list[float], limit: float) -> None:
    assert robust_limit(np.array(values)) == pytest.approx(limit)


def test_one_outlier_does_not_set_the_limit() -> None:
    values = np.append(np.linspace(-1, 1, 1000), 1e9)
    assert robust_limit(values) == pytest.approx(1, abs=0.02)
    sparse = np.append(np.zeros(1000), 5.0)  # the percentile is 0
    assert robust_limit(sparse) == 5


def test_resizing_is_linear_between_centres_and_keeps_what_is_constant() -> None:
    assert resized(np.array([[0.0, 1.0]]), 1, 4)[0].tolist() == [0, 0.25, 0.75, 1]
    assert (resized(np.full((3, 5), 2.5), 9, 7) == 2.5).all()
    same = np.random.default_rng(0).normal(size=(4, 6))
    assert (resized(same, 4, 6) == same).all()
    assert resized(np.zeros((2, 2, 3)), 4, 6).shape == (4, 6, 3)
