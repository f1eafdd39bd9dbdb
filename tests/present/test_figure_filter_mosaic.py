"""The filters of a layer side by side."""

from __future__ import annotations

import json

import numpy as np
import plotly.graph_objects as go
import pytest
from present.learned_samples import convolution_run, learned_run

from torchvitals.core.run import Run
from torchvitals.present.figures.filter_mosaic import filter_mosaic, ordered
from torchvitals.present.learned import filters_at


def _filters(weights: np.ndarray, **vectors: np.ndarray):
    run = learned_run(tensors={"filter_weights/c": [weights]}, vectors={f"filter_{m}/c": [v] for m, v in vectors.items()})
    return filters_at(run, "c", 0)


def _words(figure: go.Figure) -> list[str]:
    return [w for w in np.array(next(t for t in figure.data if t.name == "tiles").text).reshape(-1) if w]


def test_each_filter_is_a_tile_on_one_scale_around_zero() -> None:
    run = convolution_run()
    figure = filter_mosaic(filters_at(run, "conv1", 10))
    weights = np.asarray(filters_at(run, "conv1", 10).weights)
    pixels = figure.data[0]
    assert len(figure.data) == 2  # pixels and words: one mosaic, whatever the number of filters
    np.testing.assert_allclose(pixels.z[:3, 4:7], weights[1, 0], rtol=1e-6)
    assert np.isnan(pixels.z[:, 3]).all()
    assert pixels.zmin == -pixels.zmax == -np.percentile(np.abs(weights), 99)


def test_a_dead_filter_is_framed_and_labelled_and_the_others_are_not() -> None:
    run = convolution_run()
    figure = filter_mosaic(filters_at(run, "conv1", 40))
    frame = next(t for t in figure.data if t.name == "dead")
    assert (min(v for v in frame.x if v is not None), max(v for v in frame.x if v is not None)) == (7.5, 10.5)
    assert [a.text for a in figure.layout.annotations] == ["dead"]
    assert not [t for t in filter_mosaic(filters_at(run, "conv1", 10)).data if t.name == "dead"]


def test_the_pointer_reads_filter_norm_activity_and_likeness() -> None:
    weights = np.full((2, 1, 2, 2), 1.5)
    figure = filter_mosaic(
        _filters(weights, norm=np.array([3.0, 3.0]), activity=np.array([0.25, 0.5]), similarity=np.array([0.9, 1]))
    )
    assert _words(figure)[0] == (
        "filter 0<br>norm 3<br>active at 25 % of the probe's positions<br>largest likeness to another 0.9"
    )


@pytest.mark.parametrize(("order", "places"), [("index", [0, 1, 2, 3]), ("norm", [2, 0, 3, 1]), ("activity", [3, 0, 2, 1])])
def test_filters_are_sorted_largest_first_and_nan_last(order: str, places: list[int]) -> None:
    weights = np.ones((4, 1, 1, 1)) * np.array([2, np.nan, 3, 1.0])[:, None, None, None]
    filters = _filters(weights, activity=np.array([0.5, np.nan, 0.1, 0.9]))
    assert ordered(filters, order).tolist() == places
    assert _words(filter_mosaic(filters, order=order))[0].startswith(f"filter {places[0]}<br>")


def test_sorting_by_an_activity_that_was_not_recorded_keeps_the_layer_s_order() -> None:
    assert ordered(_filters(np.ones((3, 1, 2, 2))), "activity").tolist() == [0, 1, 2]


def test_filters_over_three_channels_are_colours() -> None:
    weights = np.zeros((2, 3, 4, 4))
    weights[1, 0] = 1.0
    image = filter_mosaic(_filters(weights)).data[0]
    pixels = np.asarray(image.z)
    assert isinstance(image, go.Image)
    assert pixels.dtype == np.uint8
    assert pixels[0, 0].tolist() == [128, 128, 128, 255]
    assert pixels[0, 5].tolist() == [255, 128, 128, 255]
    assert pixels[0, 4].tolist()[3] == 0  # the gap


def test_a_channel_can_be_picked_else_the_strongest_is_drawn_and_named() -> None:
    weights = np.zeros((1, 5, 2, 2))
    weights[0, 1], weights[0, 3] = 1.0, -2.0
    assert (filter_mosaic(_filters(weights), channel=1).data[0].z == 1).all()
    strongest = filter_mosaic(_filters(weights))
    assert (strongest.data[0].z == -2).all()
    assert _words(strongest)[0].endswith("drawn: input channel 3")


@pytest.mark.parametrize("shape", [(5, 2, 7), (5, 1, 9), (3, 2, 4, 4, 4), (70, 1, 3, 3), (1, 1, 1, 1), (4, 16), (2, 3, 1, 1)])
@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, 1e-300, 1e300])
def test_any_shape_and_any_value_can_be_drawn(shape: tuple[int, ...], value: float) -> None:
    weights = np.random.default_rng(0).normal(size=shape)
    weights[0] = value
    figure = filter_mosaic(_filters(weights))
    json.loads(figure.to_json())
    framed = [t.name for t in figure.data if isinstance(t, go.Scatter)] if shape[0] > 1 else []
    assert ("not finite" in framed) == (not np.isfinite(value) and shape[0] > 1)
    assert ("dead" in framed) == (abs(value) < 1e-200 and shape[0] > 1)


def test_nothing_recorded_says_so() -> None:
    figure = filter_mosaic(filters_at(Run(name="e"), "c", 0))
    assert "No filters" in figure.layout.annotations[0].text
