"""What each filter of a layer answers to one sample."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest
from present.learned_samples import convolution_run

from torchvitals.present.figures.feature_map_mosaic import feature_map_mosaic
from torchvitals.present.learned import tensor_at


def _names(figure: go.Figure) -> list[str]:
    return [t.name for t in figure.data if isinstance(t, go.Scatter)]


def test_each_channel_is_a_tile_and_silent_ones_are_framed() -> None:
    maps = tensor_at(convolution_run(), "feature_map_values", "conv1", 40)
    figure = feature_map_mosaic(maps, 1)
    np.testing.assert_allclose(figure.data[0].z[:5, 6:11], maps[1, 1], rtol=1e-6)
    limits = [np.percentile(maps[1, c], 99) for c in (0, 1, 3, 4, 5)]
    assert (figure.data[0].zmin, figure.data[0].zmax) == (0, np.percentile(limits, 75))
    assert _names(figure) == ["never above 0"]
    assert min(v for v in figure.data[2].x if v is not None) == 2 * 6 - 0.5


def test_a_channel_that_speaks_for_another_sample_is_not_silent() -> None:
    maps = np.zeros((2, 1, 3, 3))
    maps[1] = 1.0
    assert _names(feature_map_mosaic(maps, 0)) == []


def test_a_few_large_constants_do_not_make_the_others_pale() -> None:
    maps = np.random.default_rng(0).normal(size=(1, 16, 4, 4))
    maps[0, :2] = -500.0
    assert feature_map_mosaic(maps, 0).data[0].zmax < 5


def test_outputs_below_zero_are_coloured_around_zero() -> None:
    heat = feature_map_mosaic(np.array([[[[-2.0, 1.0], [0.0, 1.0]]]]), 0).data[0]
    assert heat.zmin == -heat.zmax


def test_words_name_the_channel_of_the_layer_not_of_the_log() -> None:
    maps = np.arange(3.0)[None, :, None, None] * np.ones((1, 3, 2, 2))
    words = np.array(feature_map_mosaic(maps, 0, channels=9).data[1].text).reshape(-1)
    assert words[1] == "channel 4<br>mean 1, largest 1<br>above 0 at 100 %"


def test_one_dimensional_outputs_are_one_row_a_channel() -> None:
    maps = np.random.default_rng(0).normal(size=(2, 4, 30))
    maps[1, 2, 7] = np.nan
    figure = feature_map_mosaic(maps, 1)
    assert figure.data[0].z.shape == (4, 30)
    assert (list(figure.data[1].x), list(figure.data[1].y)) == ([7], [2])


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_nothing_but_one_value_can_be_drawn(value: float) -> None:
    figure = feature_map_mosaic(np.full((1, 2, 3, 3), value), 0)
    assert figure.to_json()
    assert _names(figure) == (["not finite"] if value else ["never above 0"])


@pytest.mark.parametrize("maps", [None, np.zeros((1, 4)), np.zeros((1, 0, 3, 3)), np.ones((1, 2, 3, 3))])
def test_what_is_not_there_is_said(maps: np.ndarray | None) -> None:
    assert "No feature maps" in feature_map_mosaic(maps, 1).layout.annotations[0].text
