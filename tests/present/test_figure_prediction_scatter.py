"""A regression's answers against what was true."""

from __future__ import annotations

import numpy as np
import pytest
from present.learned_samples import regression_run

from torchvitals.present.downsample import MAX_POINTS
from torchvitals.present.figures.prediction_scatter import prediction_scatter
from torchvitals.present.learned import tensor_at


def test_predictions_and_residuals_over_the_target() -> None:
    outputs, targets = (tensor_at(regression_run(), f"probe_{m}", "model", 0) for m in ("outputs", "targets"))
    figure = prediction_scatter(outputs, targets, output=1)
    said, residual = (next(t for t in figure.data if t.name == n) for n in ("prediction", "residual"))
    np.testing.assert_allclose(said.x, targets[:-1, 1])
    np.testing.assert_allclose(said.y, outputs[:-1, 1])
    np.testing.assert_allclose(residual.y, outputs[:-1, 1] - targets[:-1, 1])
    assert residual.xaxis == "x2"


def test_answers_that_are_not_finite_are_marks() -> None:
    outputs, targets = (tensor_at(regression_run(), f"probe_{m}", "model", 0) for m in ("outputs", "targets"))
    bad = prediction_scatter(outputs, targets).data[-1]
    assert bad.name == "not finite: 1"
    assert list(bad.x) == [targets[-1, 0]]
    assert bad.text[0].endswith("prediction NaN")


def test_the_line_of_exact_answers_spans_the_targets() -> None:
    line = next(
        t for t in prediction_scatter(np.array([[0.0], [1.0]]), np.array([[2.0], [5.0]])).data if t.name == "exactly right"
    )
    assert (list(line.x), list(line.y)) == ([2, 5], [2, 5])


def test_many_samples_are_thinned() -> None:
    many = np.arange(10_000.0)[:, None]
    assert all(len(t.x) <= MAX_POINTS for t in prediction_scatter(many, many).data)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_nothing_but_one_value_can_be_drawn(value: float) -> None:
    figure = prediction_scatter(np.full((3, 1), value), np.full((3, 1), value))
    assert figure.to_json()
    assert ("not finite: 3" in [t.name for t in figure.data]) == (not np.isfinite(value))


@pytest.mark.parametrize("targets", [None, np.ones((3, 1)), np.ones((4, 2))])
def test_what_does_not_fit_is_said(targets: np.ndarray | None) -> None:
    assert "No predictions" in prediction_scatter(np.ones((3, 2)), targets).layout.annotations[0].text
