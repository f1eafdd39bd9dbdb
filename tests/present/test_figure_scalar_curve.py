"""One number over the steps."""

from __future__ import annotations

import numpy as np
from present.samples import series

from torchvitals.present.figures.scalar_curve import scalar_curve


def test_the_line_holds_the_numbers_and_marks_those_that_are_none() -> None:
    recorded = series("global_grad_norm/model", [1.0, 2.0, np.nan, np.inf, 3.0])
    line, rug = scalar_curve(recorded, "norm").data
    assert list(line.x) == [0, 10, 20, 30, 40]
    assert np.array_equal(line.y, [1.0, 2.0, np.nan, np.nan, 3.0], equal_nan=True)
    assert list(rug.x) == [20, 30]
    assert rug.name == "not finite, from step 20"


def test_decades_get_a_logarithmic_axis() -> None:
    assert scalar_curve(series("a/b", [1e-6, 1.0]), "a").layout.yaxis.type == "log"
    assert scalar_curve(series("a/b", [1.0, 2.0]), "a").layout.yaxis.type == "linear"


def test_a_long_series_is_thinned_and_keeps_its_spike() -> None:
    values = np.ones(50_000)
    values[31_234] = 100.0
    (line,) = scalar_curve(series("a/b", values), "a").data
    assert len(line.x) <= 2000
    assert max(line.y) == 100.0


def test_without_a_series_it_says_why() -> None:
    figure = scalar_curve(None, "norm", missing="The norm was not recorded.")
    assert not figure.data
    assert figure.layout.annotations[0].text == "The norm was not recorded."
