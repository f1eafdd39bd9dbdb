"""How the network arranges the samples."""

from __future__ import annotations

import numpy as np
import pytest

from torchvitals.present.figures.embedding_scatter import embedding_scatter, principal_components

RNG = np.random.default_rng(0)
VALUES = RNG.normal(size=(30, 5)) * [5, 3, 1, 0.5, 0.1]


def test_components_are_those_of_the_covariance() -> None:
    points, share = principal_components(VALUES)
    sizes, directions = np.linalg.eigh(np.cov(VALUES.T))
    expected = (VALUES - VALUES.mean(axis=0)) @ directions[:, ::-1][:, :2]
    np.testing.assert_allclose(np.abs(points), np.abs(expected), atol=1e-9)
    np.testing.assert_allclose(share, (sizes / sizes.sum())[::-1][:2])


def test_each_class_has_a_colour_and_a_shape() -> None:
    classes = (np.arange(30) % 3)[:, None].astype(float)
    figure = embedding_scatter(VALUES, classes)
    assert [t.name for t in figure.data] == ["class 0", "class 1", "class 2"]
    assert list(figure.data[1].customdata) == list(range(1, 30, 3))
    assert len({(t.marker.color, t.marker.symbol) for t in figure.data}) == 3
    points, share = principal_components(VALUES)
    np.testing.assert_allclose(figure.data[1].x, points[1::3, 0])
    assert figure.layout.xaxis.title.text == f"1st direction: {share[0]:.0%} of the variance"


def test_beyond_ten_classes_the_others_are_one_group() -> None:
    figure = embedding_scatter(VALUES, np.arange(30.0)[:, None])
    assert len(figure.data) == 11
    assert (figure.data[-1].name, len(figure.data[-1].x)) == ("other classes", 20)


@pytest.mark.parametrize("targets", [None, RNG.normal(size=(30, 1)), np.ones((30, 2)), np.ones((3, 1))])
def test_targets_that_are_no_classes_are_one_group(targets: np.ndarray | None) -> None:
    assert [t.name for t in embedding_scatter(VALUES, targets).data] == ["samples"]


def test_samples_that_are_not_finite_are_left_out_and_counted() -> None:
    values = VALUES.copy()
    values[4, 2] = np.inf
    figure = embedding_scatter(values)
    assert len(figure.data[0].x) == 29
    assert 4 not in figure.data[0].customdata
    assert figure.layout.xaxis.title.text.endswith("; 1 not finite, left out")


def test_both_directions_have_one_scale_unless_the_cloud_is_flat() -> None:
    assert embedding_scatter(VALUES).layout.yaxis.scaleanchor == "x"
    assert embedding_scatter(VALUES * [1, 0.01, 0.01, 0.01, 0.01]).layout.yaxis.scaleanchor is None


@pytest.mark.parametrize("values", [np.zeros((5, 3)), np.ones((2, 1)), np.full((4, 2), 1e300)])
def test_points_without_spread_can_be_drawn(values: np.ndarray) -> None:
    figure = embedding_scatter(values)
    assert np.isfinite(figure.data[0].x).all()
    assert figure.to_json()


@pytest.mark.parametrize("values", [None, np.ones(4), np.full((5, 2), np.nan)])
def test_nothing_recorded_says_so(values: np.ndarray | None) -> None:
    assert embedding_scatter(values).layout.annotations[0].text
