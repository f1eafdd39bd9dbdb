import numpy as np

from torchvitals.explanation.overlay import DIVERGING, SEQUENTIAL, coloured, overlaid, pictures, resized, tiled


def test_pictures_of_colours_of_other_channels_and_of_flat_squares() -> None:
    rng = np.random.default_rng(0)
    colour, other, flat = (rng.random(shape).astype(np.float32) for shape in ((2, 3, 6, 5), (2, 2, 6, 5), (2, 64)))
    shown = pictures(colour)
    assert shown is not None
    low, high = np.percentile(colour, (0.5, 99.5))
    np.testing.assert_allclose(shown[1, 2, 3], np.clip((colour[1, :, 2, 3] - low) / (high - low), 0, 1), rtol=1e-4)
    grey = pictures(other)
    assert grey is not None
    assert (grey[..., 0] == grey[..., 2]).all()
    square = pictures(flat)
    assert square is not None
    assert square.shape == (2, 8, 8, 3)
    assert np.argmax(square[0, ..., 0]) == np.argmax(flat[0])
    assert pictures(flat[:, :49]) is None  # seven by seven features are rather a table
    assert pictures(np.zeros((2, 5, 4), np.float32)) is None


def test_pictures_that_are_flat_or_not_finite() -> None:
    flat = pictures(np.full((1, 1, 4, 4), 7, np.float32))
    assert flat is not None
    assert (flat == 0).all()
    broken = pictures(np.full((1, 1, 4, 4), np.nan, np.float32))
    assert broken is not None
    assert np.isfinite(broken).all()


def test_the_colours_of_the_ends_and_of_zero() -> None:
    signed = np.round(255 * coloured(np.array([-2.0, 0.0, 2.0], np.float32), signed=True)).astype(int)
    assert signed.tolist() == [list(DIVERGING[0]), list(DIVERGING[2]), list(DIVERGING[4])]
    rising = np.round(255 * coloured(np.array([0.0, 2.0, np.inf], np.float32), signed=False)).astype(int)
    assert rising.tolist() == [list(SEQUENTIAL[0]), list(SEQUENTIAL[4]), list(SEQUENTIAL[4])]
    assert np.isfinite(coloured(np.array([np.nan, 0.0], np.float32), signed=True)).all()


def test_a_map_of_zeros_leaves_the_picture() -> None:
    colours = np.random.default_rng(1).random((2, 4, 4, 3)).astype(np.float32)
    maps = np.zeros((2, 2, 2), np.float32)
    np.testing.assert_array_equal(overlaid(colours, maps), colours)
    maps[0, 1, 1] = 3
    over = overlaid(colours, maps)
    changed = np.any(over != colours, axis=-1)
    assert changed[0, 2:, 2:].all()
    assert changed.sum() == 4
    maps[1, 0, 0] = 1e-6  # a faint map is as visible as a strong one: a map tells where, not how much
    assert np.any(overlaid(colours, maps) != colours, axis=-1).sum(axis=(1, 2)).tolist() == [4, 4]


def test_maps_are_enlarged_to_sizes_that_are_no_multiple() -> None:
    maps = np.arange(4, dtype=np.float32).reshape(1, 2, 2)
    assert resized(maps, 3, 5)[0].tolist() == [[0, 0, 0, 1, 1], [0, 0, 0, 1, 1], [2, 2, 2, 3, 3]]


def test_tiles_stand_in_rows_with_white_lines_between() -> None:
    rows = [np.zeros((3, 50, 60, 3), np.float32), np.zeros((3, 50, 60, 3), np.float32)]
    whole = tiled(rows)
    assert whole.shape == (201, 362, 3)  # twice as large, so that the shorter side has 96 pixels
    assert (whole[100] == 255).all()
    assert (whole[:, [120, 241]] == 255).all()
    assert (whole == 255).all(axis=-1).sum() == 362 + 2 * 200
    assert max(tiled([np.zeros((64, 8, 300, 3), np.float32)]).shape) <= 2048
