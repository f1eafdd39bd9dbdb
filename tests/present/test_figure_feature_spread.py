from __future__ import annotations

import numpy as np
from hand_made import run_of

from torchvitals.core.run import Run
from torchvitals.present.figures.feature_spread import MOST, feature_spread


def features(mean: list[float], std: list[float], low: list[float], high: list[float]) -> Run:
    """Two looks; only the last one is to be drawn."""
    parts = {"mean": mean, "std": std, "min": low, "max": high}
    return run_of({}, vectors={f"input_feature_{part}/model": [[9.0] * len(v), v] for part, v in parts.items()})


def test_bars_hold_range_and_spread_of_the_last_look() -> None:
    wide, narrow, dots = feature_spread(features([0.0, 1.0], [1.0, 0.5], [-2.0, 0.0], [3.0, 2.0])).data
    assert (list(wide.base), list(wide.y)) == ([-2.0, 0.0], [5.0, 2.0])
    assert (list(narrow.base), list(narrow.y)) == ([-1.0, 0.5], [2.0, 1.0])
    assert list(dots.y) == [0.0, 1.0]


def test_constant_and_non_finite_features_are_marked() -> None:
    figure = feature_spread(features([0.5, 1.0, np.nan], [0.0, 1.0, 1.0], [0.5, 0.0, 0.0], [0.5, 2.0, 1.0]))
    marks = {t.name: list(t.x) for t in figure.data if t.type == "scatter"}
    assert marks == {"mean": [1], "constant in the batch": [0], "not finite": [2]}


def test_many_features_are_strided_and_it_is_said() -> None:
    n = 5000
    figure = feature_spread(features([0.0] * n, [1.0] * n, [-1.0] * n, [1.0] * n))
    assert len(figure.data[0].x) <= MOST
    assert figure.layout.xaxis.title.text == "feature, at step 1; every 13th of 5,000"


def test_what_overflows_does_not_stop_the_chart() -> None:
    assert feature_spread(features([0.0], [1e308], [-1.7e308], [1.7e308])).data


def test_a_part_that_is_missing_leaves_nothing_to_draw() -> None:
    figure = feature_spread(run_of({}, vectors={"input_feature_mean/model": [[1.0, 2.0]]}))
    assert not figure.data
    assert figure.layout.annotations[0].text == "No per-feature statistics were recorded."
