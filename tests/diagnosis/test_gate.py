"""The learning gate: what counts as learning, what as standing still, and when nothing can be said."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hand_made import run_of

from torchvitals.core.manifest import Manifest
from torchvitals.core.run import Run
from torchvitals.diagnosis.gate import FALL, MIN_POINTS, learning, trivial_loss

LN10 = math.log(10)


def classified(
    losses: Sequence[float], counts: Sequence[float], loss: str = "CrossEntropyLoss", reduction: str = "mean"
) -> Run:
    """A run of a classifier that saw each class so often in every step."""
    return run_of(
        {"loss/train": losses},
        vectors={"target_class_count/train": [counts] * len(losses)},
        manifest=Manifest(loss=loss, loss_reduction=reduction),
    )


def ramp(first: float, last: float, points: int = 40) -> list[float]:
    return np.linspace(first, last, points).tolist()


@pytest.mark.parametrize(
    ("counts", "entropy"),
    [([5.0] * 10, LN10), ([9.0, 1.0], 0.325), ([1.0, 1.0, 0.0], math.log(2)), ([1.0, 2.0, 1.0], 1.5 * math.log(2))],
)
def test_the_trivial_loss_of_a_classifier_is_the_entropy_of_its_labels(counts: list[float], entropy: float) -> None:
    assert trivial_loss(classified([1.0], counts)) == pytest.approx(entropy, rel=1e-3)


def test_counts_of_all_steps_are_pooled() -> None:
    run = run_of(
        {"loss/train": [1.0, 1.0]},
        vectors={"target_class_count/train": [[8.0, 0.0], [0.0, 8.0]]},
        manifest=Manifest(loss="NLLLoss", loss_reduction="mean"),
    )
    assert trivial_loss(run) == pytest.approx(math.log(2))


def test_the_trivial_loss_of_a_regression_is_the_variance_of_its_targets() -> None:
    manifest = Manifest(loss="MSELoss", loss_reduction="mean")
    run = run_of({"loss/train": [1.0] * 3, "target_variance/train": [3.0, 4.0, 50.0]}, manifest=manifest)
    assert trivial_loss(run) == 4.0


@pytest.mark.parametrize(
    "run",
    [
        classified([1.0], [1.0, 1.0], reduction="sum"),
        classified([1.0], [1.0, 1.0], loss="HingeLoss"),
        classified([1.0], [7.0, 0.0]),
        classified([1.0], [0.0, 0.0]),
        run_of({"loss/train": [1.0]}, manifest=Manifest(loss="MSELoss", loss_reduction="mean")),
        run_of({"loss/train": [1.0]}),
    ],
    ids=["summed", "another loss", "one class only", "no targets", "variance not seen", "no manifest"],
)
def test_where_the_trivial_loss_is_not_known_none_is_made_up(run: Run) -> None:
    assert trivial_loss(run) is None


def test_imbalanced_labels_lower_the_bar() -> None:
    """A loss far below ln 2 is no learning when nine labels of ten are the same."""
    losses = ramp(0.69, 0.32)
    assert learning(classified(losses, [9.0, 1.0])).status == "stalled"
    assert learning(classified(losses, [5.0, 5.0])).status == "learning"


def test_a_loss_that_starts_above_the_trivial_one_must_get_below_it() -> None:
    assert learning(classified(ramp(20.0, LN10), [1.0] * 10)).status == "stalled"
    assert learning(classified(ramp(20.0, 0.5), [1.0] * 10)).status == "learning"


def test_a_network_that_starts_well_need_not_fall_but_must_not_rise() -> None:
    steady = learning(classified(ramp(0.10, 0.10), [1.0] * 10))
    assert steady.pretrained
    assert steady.status == "learning"
    assert learning(classified(ramp(0.10, 1.0), [1.0] * 10)).status == "stalled"


def test_without_a_trivial_loss_the_initial_one_must_be_left() -> None:
    assert learning(run_of({"loss/train": ramp(5.0, 4.9)})).status == "stalled"
    assert learning(run_of({"loss/train": ramp(5.0, 1.0)})).status == "learning"


@pytest.mark.parametrize(("last", "status"), [(-7.0, "learning"), (-5.0, "stalled"), (-2.0, "stalled")])
def test_negative_losses_fall_downwards_too(last: float, status: str) -> None:
    assert learning(run_of({"loss/train": ramp(-5.0, last)})).status == status


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_ends_non_finite_has_diverged(bad: float) -> None:
    state = learning(run_of({"loss/train": [*ramp(2.0, 1.0), *[bad] * 20]}))
    assert state.status == "diverged"
    assert not state.well


def test_one_bad_loss_in_between_or_at_the_end_is_no_divergence() -> None:
    losses = ramp(2.0, 1.0)
    losses[20] = losses[-1] = math.nan
    assert learning(run_of({"loss/train": losses})).status == "learning"


def test_too_few_points_say_nothing() -> None:
    state = learning(run_of({"loss/train": ramp(2.0, 1.5, MIN_POINTS - 1)}))
    assert state.status == "unknown"
    assert not state.well


def test_a_clear_fall_shows_in_few_points() -> None:
    assert learning(run_of({"loss/train": ramp(2.0, 0.1, 5)})).well
    assert not learning(run_of({"loss/train": ramp(2.0, 0.1, 2)})).well
    assert not learning(run_of({"loss/train": ramp(2.0, float("nan"), 5)})).well


def test_no_training_loss_says_nothing() -> None:
    assert learning(run_of({"loss/val": ramp(2.0, 0.1)})).status == "unknown"


def test_the_bar_is_a_tenth_below_the_reference() -> None:
    bar = (1 - FALL) * LN10
    for last, status in ((bar * 1.01, "stalled"), (bar * 0.99, "learning")):
        assert learning(classified([LN10] * 20 + [last] * 20, [1.0] * 10)).status == status
