"""How far predictions and attributions can be trusted, in words."""

from __future__ import annotations

import math

import numpy as np
import pytest


@pytest.mark.parametrize(
    ("delta", "said"), [(0.04, "account for the whole answer"), (0.06, "more than 5 %"), (math.nan, "do not read them")]
)
def test_attributions_must_sum_to_the_answer_within_five_per_cent(delta: float, said: str) -> None:
    from components import quality

    assert said in quality.completeness(delta, np.array([[0.5, 0.5], [-0.5, -0.5]]))


@pytest.mark.parametrize(
    ("correlation", "said"),
    [(0.29, "shows what was learned"), (0.31, "part of the map"), (0.71, "shows the input"), (math.nan, "do not read")],
)
def test_random_weights_must_give_another_map(correlation: float, said: str) -> None:
    from components import quality

    assert said in quality.agreement(correlation)


def test_what_was_not_recorded_is_not_judged() -> None:
    from components import quality

    assert quality.agreement(None) == quality.completeness(None, None) == ""
    assert quality.completeness(0.5, None).startswith("Convergence delta 0.5: how far")


@pytest.mark.parametrize(
    ("accuracy", "samples", "said"), [(0.6, 100, "within chance"), (0.61, 100, "0 %."), (0.3, 100, "worse than that")]
)
def test_two_standard_errors_are_chance(accuracy: float, samples: int, said: str) -> None:
    from components import quality

    assert 2 * math.sqrt(0.25 / 100) == 0.1
    assert said in quality.against_majority(accuracy, 0.5, samples)


def test_a_class_without_samples_is_not_the_least_recalled() -> None:
    from components import quality

    assert quality.least_recalled(np.array([[3.0, 0.0], [0.0, 0.0]])) == ""
    assert "class 1" in quality.least_recalled(np.array([[3.0, 0.0, 0], [2.0, 1.0, 0], [0, 0, 0]]))


def test_answering_the_mean_explains_nothing() -> None:
    from components import quality

    targets = np.array([[1.0], [2.0], [6.0], [np.nan]])
    assert quality.explained(np.full((4, 1), 3.0), targets) == pytest.approx(0)
    assert quality.explained(targets, targets) == 1
    assert math.isnan(quality.explained(targets[:1], targets[:1]))
