"""Three pictures of one distribution over the steps, drawn from the same recorded edges."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest

from torchvitals.core.histogram import Histogram
from torchvitals.core.series import HistogramSeries
from torchvitals.core.tag import Tag
from torchvitals.present.distributions import SizeAxis, gather
from torchvitals.present.figures.heat_strip import heat_strip
from torchvitals.present.figures.percentile_bands import percentile_bands
from torchvitals.present.figures.ridgeline import MOST_RIDGES, ridgeline

# The recorder's edges, written out anew: half octaves from 2⁻⁴⁰ to 2²⁰ on both sides of zero.
POSITIVE = 2.0 ** (np.arange(-80, 41) / 2)
EDGES = np.concatenate((-POSITIVE[::-1], POSITIVE))
PICTURES = (percentile_bands, heat_strip, ridgeline)
EMPTY = Histogram.of([-1.0, 1.0], [0.0])


def recorded(values: np.ndarray) -> Histogram:
    """What the recorder's histogram of finite values is, without the empty bins at both ends."""
    count, _ = np.histogram(values, EDGES)
    held = np.flatnonzero(count)
    return Histogram.of(EDGES[held[0] : held[-1] + 2], count[held[0] : held[-1] + 1])


def series_of(*histograms: Histogram, steps: np.ndarray | None = None) -> HistogramSeries:
    step = np.arange(len(histograms)) * 25 if steps is None else steps
    return HistogramSeries(tag=Tag.parse("weights/fc1.weight"), step=step, value=histograms)


def normal(scale: float, seed: int = 0, size: int = 2048) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, scale, size)


def test_the_recorded_edges_are_kept_and_so_is_every_count() -> None:
    values = normal(0.1)
    shown = gather(series_of(recorded(values)))
    assert set(shown.edge) <= set(EDGES)
    np.testing.assert_allclose(shown.share[0], np.histogram(values, shown.edge)[0] / 2048, atol=1e-12)
    assert shown.share.sum() == pytest.approx(1.0)


def test_steps_of_different_reach_share_their_edges() -> None:
    shown = gather(series_of(recorded(normal(0.01)), recorded(normal(10.0))))
    np.testing.assert_allclose(shown.share.sum(axis=1), [1.0, 1.0])
    assert len(shown.edge) == shown.share.shape[1] + 1


def test_edges_that_differ_at_every_step_are_counted_into_common_ones() -> None:
    rng = np.random.default_rng(0)
    foreign = [Histogram.of(np.sort(rng.normal(0, 1, 31)), rng.uniform(size=30)) for _ in range(40)]
    shown = gather(series_of(*foreign))
    assert len(shown.edge) <= 121
    np.testing.assert_allclose(shown.share.sum(axis=1), np.ones(40))


def test_the_axis_is_even_near_zero_and_logarithmic_beyond() -> None:
    axis = SizeAxis(typical=0.1)
    np.testing.assert_allclose(axis.place([0.0, 0.001, 0.002]), [0.0, 0.01, 0.02], rtol=1e-3)
    np.testing.assert_allclose(np.diff(axis.place([1e3, 1e4, 1e5])), [np.log(10)] * 2, rtol=1e-3)
    assert axis.place(-3.0) == -axis.place(3.0)


@pytest.mark.parametrize(("reach", "expected"), [(0.25, "0.1"), (1e5, "10⁵")])
def test_ticks_name_values_and_stand_at_their_place(reach: float, expected: str) -> None:
    axis = SizeAxis(typical=0.1)
    edge = float(axis.place(reach))
    ticks = axis.ticks(-edge, edge)
    assert {"0", expected, f"−{expected}"} <= set(ticks["ticktext"])
    place = ticks["tickvals"][ticks["ticktext"].index(expected)]
    assert np.sinh(place) * 0.1 == pytest.approx({"0.1": 0.1, "10⁵": 1e5}[expected])
    assert 3 <= len(ticks["tickvals"]) <= 11


def test_bands_hold_the_percentiles_of_the_histograms() -> None:
    histograms = [recorded(normal(0.1 * (i + 1), i)) for i in range(4)]
    series = series_of(*histograms)
    axis = gather(series).axis
    figure = percentile_bands(series)
    median = next(t for t in figure.data if t.name == "median")
    np.testing.assert_allclose(median.y, axis.place([h.quantile(0.5) for h in histograms]))
    half = next(t for t in figure.data if t.name == "50 % of the values")
    np.testing.assert_allclose(half.y[:4], axis.place([h.quantile(0.75) for h in histograms]))
    np.testing.assert_allclose(half.y[4:], axis.place([h.quantile(0.25) for h in histograms])[::-1])


def test_the_strip_is_darkest_where_values_are_densest() -> None:
    values = np.concatenate((np.full(1000, 0.5), normal(0.1, size=200)))
    series = series_of(recorded(values))
    heat = heat_strip(series).data[0]
    edge = gather(series).edge
    fullest = int(np.nanargmax(heat.z[:, 0]))
    assert edge[fullest] <= 0.5 <= edge[fullest + 1]
    assert heat.z.dtype == np.float32
    np.testing.assert_allclose(heat.customdata[:, 0, 2].sum(), 1.0, rtol=1e-5)
    assert np.isnan(heat.z[(heat.customdata[..., 2] == 0)]).all()  # nothing is painted where nothing lies


def test_ridges_are_the_densities_on_one_scale_first_step_at_the_back() -> None:
    series = series_of(recorded(normal(0.1)), recorded(normal(0.4)))
    hills = [t for t in ridgeline(series).data if t.fill == "tonexty"]
    shown = gather(series, MOST_RIDGES)
    heights = [np.asarray(t.y)[1:-1] + row for row, t in enumerate(hills)]
    np.testing.assert_allclose(np.array(heights) / np.max(heights), shown.density / shown.density.max(), atol=1e-12)
    assert [t.name for t in hills] == ["step 0", "step 25"]


@pytest.mark.parametrize("picture", PICTURES)
def test_the_step_in_view_is_marked_in_all_three(picture) -> None:
    figure = picture(series_of(*(recorded(normal(0.1, i)) for i in range(5))), step=60)
    lines = [s.x0 for s in figure.layout.shapes if s.line.color == "#E69F00"]
    hills = [t.name for t in figure.data if isinstance(t, go.Scatter) and t.line.color == "#E69F00"]
    assert lines == [50] or hills == ["step 50"]


def test_a_step_that_is_looked_at_is_among_the_ridges() -> None:
    series = series_of(*(recorded(normal(0.1, i)) for i in range(100)))
    names = [t.name for t in ridgeline(series, step=25 * 37).data if t.fill == "tonexty"]
    assert f"step {25 * 37}" in names
    assert len(names) <= MOST_RIDGES + 1
    assert {"step 0", "step 2,475"} <= set(names)


@pytest.mark.parametrize("picture", PICTURES)
def test_steps_without_a_finite_value_are_crosses(picture) -> None:
    figure = picture(series_of(recorded(normal(0.1)), EMPTY, EMPTY))
    crosses = next(t for t in figure.data if (t.name or "").startswith("nothing finite"))
    assert list(crosses.y if picture is ridgeline else crosses.x) == ([-1, -2] if picture is ridgeline else [25, 50])
    low, high = (figure.layout.xaxis if picture is ridgeline else figure.layout.yaxis).range
    assert all(low <= v <= high for v in (crosses.x if picture is ridgeline else crosses.y))


def test_a_lone_step_between_gaps_has_a_visible_band() -> None:
    figure = percentile_bands(series_of(EMPTY, recorded(normal(0.1)), EMPTY))
    band = next(t for t in figure.data if t.name == "all of the values")
    assert np.ptp(band.x) > 0
    assert np.ptp(band.y) > 0


def test_an_exploding_run_still_shows_where_it_began() -> None:
    shown = gather(series_of(recorded(normal(0.1)), *(recorded(normal(1e5, i)) for i in range(20))))
    start = shown.edge[:-1][shown.share[0] > 0]
    assert np.ptp(shown.axis.place(start)) > 0.05 * np.ptp(shown.place)


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize(
    "histogram",
    [
        EMPTY,
        recorded(np.zeros(64)),
        recorded(np.full(64, 3.0)),
        Histogram.of([2.0, 2.0], [5.0]),
        Histogram.of([-1.7e308, 0.0, 1.7e308], [1.0, 2.0]),
        Histogram.of([-np.inf, 0.0, np.inf], [1.0, 2.0]),
        Histogram.of([0.0, 1e-300], [1.0]),
        Histogram.of([-1e-290, 1e-290, 2e-290, 1e299, 1e300], [1.0, 5.0, 0.0, 1.0]),
    ],
)
def test_anything_can_be_drawn(picture, histogram: Histogram) -> None:
    figure = picture(series_of(histogram, histogram), step=0)
    assert isinstance(figure, go.Figure)
    assert figure.data or figure.layout.annotations[0].text
    assert figure.to_json()


def test_all_zeros_and_nothing_finite_are_told_apart() -> None:
    zeros, nothing = heat_strip(series_of(recorded(np.zeros(9)))), heat_strip(series_of(EMPTY))
    assert zeros.layout.annotations[0].text == "Every recorded value is zero."
    assert nothing.layout.annotations[0].text == "No recorded step holds a finite value."


def test_a_long_run_stays_small() -> None:
    many = [recorded(normal(0.1 * 1.01**i, i, 512)) for i in range(600)]
    sizes = [len(picture(series_of(*many)).to_json()) for picture in PICTURES]
    assert max(sizes) < 1.5e6
