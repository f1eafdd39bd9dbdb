from __future__ import annotations

import numpy as np
import pytest
from present.samples import series

from torchvitals.present.figures.run_overlay import run_overlay

NAMES = ("new", "old")


def test_both_runs_are_drawn_and_told_apart_by_more_than_colour() -> None:
    figure = run_overlay(series("loss/train", [2.0, 1.0]), series("loss/train", [3.0, 2.5]), names=NAMES)
    drawn = {t.name: (list(t.y), t.line.dash) for t in figure.data}
    assert drawn == {"new": ([2.0, 1.0], None), "old": ([3.0, 2.5], "dot")}


def test_one_run_may_lack_the_signal() -> None:
    assert [t.name for t in run_overlay(None, series("loss/train", [1.0]), names=NAMES).data] == ["old"]
    assert not run_overlay(None, None, names=NAMES).data


def test_the_axis_holds_both() -> None:
    figure = run_overlay(series("a", [1.0, 2.0]), series("a", [8.0, 9.0]), names=NAMES)
    low, high = figure.layout.yaxis.range
    assert low < 1
    assert high > 9


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_a_cross(value: float) -> None:
    figure = run_overlay(series("a", [1.0, value]), series("a", [1.0, 2.0]), names=NAMES)
    assert figure.data[-1].name == "not finite, from step 10"
