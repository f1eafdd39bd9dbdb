"""Input, Grad-CAM, integrated gradients and those of random weights, side by side."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest

from torchvitals.present.figures.attribution_overlay import Attributions, attribution_overlay, over_channels
from torchvitals.present.tiles import resized

RNG = np.random.default_rng(0)
MADE = Attributions(
    inputs=RNG.uniform(size=(6, 1, 8, 8)),
    cam=RNG.uniform(size=(4, 3, 3)),
    gradients=RNG.normal(size=(4, 1, 8, 8)),
    randomised=1e-6 * RNG.normal(size=(4, 1, 8, 8)),
)


def _tile(trace: go.Heatmap, row: int, column: int) -> np.ndarray:
    return np.asarray(trace.z)[row * 9 : row * 9 + 8, column * 9 : column * 9 + 8]


def test_one_row_a_sample_one_column_a_method() -> None:
    figure = attribution_overlay(MADE, [0, 2], ["true 1, said 2", "true 0, said 0"])
    assert list(figure.layout.xaxis.ticktext) == ["input", "Grad-CAM", "integrated gradients", "with random weights"]
    assert list(figure.layout.yaxis.ticktext) == ["true 1<br>said 2", "true 0<br>said 0"]
    inputs, cam, signed, _ = figure.data
    for column in (0, 1):  # Grad-CAM lies over the input
        np.testing.assert_allclose(_tile(inputs, 1, column), MADE.inputs[2, 0], rtol=1e-6)
    enlarged = resized(MADE.cam[2], 8, 8)
    np.testing.assert_allclose(_tile(cam, 1, 1), enlarged / np.percentile(enlarged, 99), rtol=1e-5)
    for column, maps in ((2, MADE.gradients), (3, MADE.randomised)):
        np.testing.assert_allclose(_tile(signed, 1, column), maps[2, 0] / np.percentile(np.abs(maps[2]), 99), rtol=1e-5)
    assert (signed.zmin, signed.zmax) == (-1, 1)
    assert np.isnan(_tile(signed, 0, 0)).all()


def test_the_pointer_reads_what_the_attributions_sum_to() -> None:
    words = np.array(next(t for t in attribution_overlay(MADE, [1]).data if t.name == "tiles").text)
    assert words[0, 2] == f"sample 1<br>integrated gradients<br>sums to {MADE.gradients[1].sum():.3g}"
    assert words[0, 0] == "sample 1<br>input"


def test_colours_stay_colours_and_attributions_are_summed_over_them() -> None:
    gradients = RNG.normal(size=(1, 3, 4, 4))
    figure = attribution_overlay(Attributions(inputs=RNG.uniform(size=(1, 3, 4, 4)), gradients=gradients), [0])
    image, signed, _ = figure.data
    assert isinstance(image, go.Image)
    summed = gradients[0].sum(axis=0)
    np.testing.assert_allclose(np.asarray(signed.z)[:, 5:], summed / np.percentile(np.abs(summed), 99), rtol=1e-5)
    assert (over_channels(gradients[0]) == summed).all()


def test_maps_of_other_sizes_are_brought_to_the_largest() -> None:
    made = Attributions(inputs=RNG.uniform(size=(1, 1, 12, 12)), gradients=RNG.normal(size=(1, 1, 6, 6)))
    assert np.asarray(attribution_overlay(made, [0]).data[0].z).shape == (12, 25)


def test_series_run_to_the_right() -> None:
    made = Attributions(inputs=RNG.normal(size=(1, 20, 2)), gradients=RNG.normal(size=(1, 20, 2)))
    tiles = np.asarray(attribution_overlay(made, [0]).data[0].z)
    assert tiles.shape[1] == 2 * 20 + 1


def test_what_is_not_finite_is_framed() -> None:
    gradients = MADE.gradients.copy()
    gradients[0, 0, 0, 0] = np.nan
    figure = attribution_overlay(Attributions(gradients=gradients), [0, 1])
    frame = next(t for t in figure.data if t.name == "not finite")
    assert max(v for v in frame.y if v is not None) == 7.5


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, 1e300])
def test_maps_of_one_value_can_be_drawn(value: float) -> None:
    flat = Attributions(
        inputs=np.full((1, 1, 3, 3), value), cam=np.full((1, 2, 2), value), gradients=np.full((1, 1, 3, 3), value)
    )
    assert attribution_overlay(flat, [0]).to_json()


@pytest.mark.parametrize("made", [Attributions(), Attributions(inputs=np.ones((2, 5)), gradients=np.ones((2, 5)))])
def test_nothing_on_a_plane_says_so(made: Attributions) -> None:
    assert "No attributions" in attribution_overlay(made, [0]).layout.annotations[0].text
    assert not made.pictures


def test_a_sample_without_attributions_is_left_out() -> None:
    assert MADE.count == 4
    assert list(attribution_overlay(MADE, [3, 5]).layout.yaxis.ticktext) == ["sample 3"]
