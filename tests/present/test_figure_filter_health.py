"""One number of every filter over the steps."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest
from present.learned_samples import convolution_run

from torchvitals.core.series import VectorSeries
from torchvitals.core.tag import Tag
from torchvitals.present.figures.filter_health import MOST_FILTERS, MOST_STEPS, filter_health


def _series(rows: list[list[float]], measure: str = "filter_norm") -> VectorSeries:
    values = tuple(np.array(r, dtype=np.float64) for r in rows)
    return VectorSeries(tag=Tag(measure=measure, subject="c"), step=np.arange(len(rows)) * 10, value=values)


def _heat(figure: go.Figure) -> list[go.Heatmap]:
    return [t for t in figure.data if isinstance(t, go.Heatmap)]


def test_filters_go_down_and_steps_to_the_right() -> None:
    heat = _heat(filter_health(_series([[1, 2, 3], [4, 5, 6]])))[0]
    assert list(heat.x) == ["0", "10"]
    assert np.asarray(heat.z).tolist() == [[1, 4], [2, 5], [3, 6]]


def test_zero_and_not_finite_are_cells_of_their_own_and_counted() -> None:
    figure = filter_health(_series([[1, 0, np.nan], [1, 0, np.inf], [0, 0, 1]]))
    _, zero, bad = _heat(figure)
    assert np.argwhere(zero.z == 1).tolist() == [[0, 2], [1, 0], [1, 1], [1, 2]]
    assert np.argwhere(bad.z == 1).tolist() == [[2, 0], [2, 1]]
    assert [t.name for t in figure.data if isinstance(t, go.Scatter)] == [
        "zero: 2 at the last step",
        "not finite: 0 at the last step",
    ]


def test_shares_are_coloured_from_none_to_all() -> None:
    run = convolution_run()
    found = {t.measure: s for t, s in run.vectors.items() if t.subject == "conv1"}
    activity, norm = (_heat(filter_health(found[m]))[0] for m in ("filter_activity", "filter_norm"))
    assert (activity.zmin, activity.zmax) == (0, 1)
    assert norm.zmax == pytest.approx(np.percentile(np.stack(found["filter_norm"].value), 99))


def test_steps_at_which_the_layer_had_another_width_are_empty_and_not_broken() -> None:
    figure = filter_health(_series([[1.0], [2.0, 3.0]]))
    assert len(_heat(figure)) == 1
    assert np.isnan(_heat(figure)[0].z[:, 0]).all()


def test_a_wide_layer_over_a_long_run_is_thinned() -> None:
    heat = _heat(filter_health(_series([[float(s)] * 1000 for s in range(900)])))[0]
    assert heat.z.shape == (MOST_FILTERS, MOST_STEPS)
    assert (heat.z[0, 0], heat.z[0, -1]) == (0, 899)
    assert (heat.y[0], heat.y[-1]) == (0, 999)


@pytest.mark.parametrize("rows", [[[0.0]], [[np.nan, np.nan]], [[np.inf], [1e300]]])
def test_one_step_of_anything_can_be_drawn(rows: list[list[float]]) -> None:
    assert filter_health(_series(rows)).to_json()


@pytest.mark.parametrize("series", [None, _series([])])
def test_nothing_recorded_says_so(series: VectorSeries | None) -> None:
    assert "not recorded" in filter_health(series).layout.annotations[0].text
