from __future__ import annotations

import numpy as np
import pytest
from present.samples import HOSTILE, series, vanishing

from torchvitals.present.figures.series_lines import MOST, series_lines


def test_one_line_a_series_with_its_own_values() -> None:
    figure = series_lines({"a": series("gate/a", [0.1, 0.4, 0.2]), "b": series("gate/b", [0.5, 0.6, 0.7])})
    assert [(t.name, list(t.y)) for t in figure.data] == [("a", [0.1, 0.4, 0.2]), ("b", [0.5, 0.6, 0.7])]
    assert figure.layout.showlegend


def test_no_more_lines_than_can_be_told_apart() -> None:
    figure = series_lines({f"l{i}": series(f"m/l{i}", [1.0, 2.0]) for i in range(30)})
    assert len(figure.data) == MOST


def test_steps_that_are_not_finite_are_crosses() -> None:
    figure = series_lines({"a": series("m/a", [1.0, np.nan, np.inf, 2.0])})
    rug = figure.data[-1]
    assert rug.name == "not finite, from step 10"
    assert list(rug.x) == [10, 20]
    assert np.isnan(figure.data[0].y[1:3]).all()


def test_a_guide_is_a_line_and_lies_inside_the_axis() -> None:
    figure = series_lines({"a": series("m/a", [0.2, 0.3])}, guide=1.0)
    assert [s.y0 for s in figure.layout.shapes] == [1.0]
    low, high = figure.layout.yaxis.range
    assert low < 0.2
    assert high > 1.0


def test_fractions_are_per_cent_and_findings_stand_at_their_onset() -> None:
    figure = series_lines({"a": series("m/a", np.linspace(0, 1, 20))}, unit="fraction", findings=[vanishing()])
    assert figure.layout.yaxis.tickformat == ".0%"
    assert [s.x0 for s in figure.layout.shapes] == [20]


def test_sizes_that_span_decades_are_logarithmic() -> None:
    assert series_lines({"a": series("m/a", [1e-5, 1e-3, 1.0])}).layout.yaxis.type == "log"


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, 1e300, -3.0])
def test_one_step_of_anything_is_drawn(value: float) -> None:
    assert series_lines({"a": series("m/a", [value])}).data


def test_nothing_recorded_is_said() -> None:
    figure = series_lines({})
    assert not figure.data
    assert figure.layout.annotations[0].text == "Nothing was recorded here."


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_text(name: str) -> None:
    assert "<" not in (series_lines({name: series("m/a", [1.0])}).data[0].name or "")
