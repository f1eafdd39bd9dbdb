"""The learning gate: what counts as learning, what as standing still, and when nothing can be said."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hand_made import run_of
from sklearn.metrics import cohen_kappa_score

from torchvitals.core.manifest import Manifest
from torchvitals.core.run import Run
from torchvitals.diagnosis.agreement import chance_corrected
from torchvitals.diagnosis.gate import FALL, MIN_POINTS, learning
from torchvitals.diagnosis.trivial import trivial_loss

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


def regressed(
    losses: Sequence[float],
    targets: dict[str, Sequence[float]],
    *,
    loss: str,
    reduction: str = "mean",
    shape: tuple[int, ...] = (64, 1),
) -> Run:
    """A run whose targets are numbers."""
    manifest = Manifest(loss=loss, loss_reduction=reduction, target_shape=shape, output_shape=shape)
    return run_of({"loss/train": losses, **targets}, manifest=manifest)


def ramp(first: float, last: float, points: int = 40) -> list[float]:
    return np.linspace(first, last, points).tolist()


@pytest.mark.parametrize(
    ("counts", "entropy"),
    [
        ([500.0] * 10, LN10),
        ([9e4, 1e4], 0.32508),
        ([1e4, 1e4, 0.0], math.log(2)),
        ([1e4, 2e4, 1e4], 1.5 * math.log(2)),
    ],
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
        classified([1.0], [1.0, 1.0], reduction="batchmean"),
        classified([1.0], [1.0, 1.0], loss="HingeLoss"),
        classified([1.0], [1.0, 1.0], loss=""),
        regressed([1.0], {"target_variance/train": [1.0], "target_mean/train": [0.0]}, loss="L1Loss"),
        regressed([1.0], {"target_variance/train": [1.0], "target_mean/train": [0.0]}, loss="huber_loss", reduction=""),
        classified([1.0], [7.0, 0.0]),
        classified([1.0], [0.0, 0.0]),
        run_of({"loss/train": [1.0]}, manifest=Manifest(loss="MSELoss", loss_reduction="mean")),
        run_of({"loss/train": [1.0]}),
    ],
    ids=[
        "another reduction",
        "another loss",
        "the loop's own",
        "L1",
        "Huber",
        "one class only",
        "no targets",
        "variance not seen",
        "no manifest",
    ],
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


def entropy(*shares: float) -> float:
    return -sum(p * math.log(p) for p in shares if p)


def test_the_entropy_of_few_labels_is_corrected_for_their_number() -> None:
    """Two labels of each class drawn from a hundred: 200 samples show too little of ln 100, and 5 show nothing like it."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 100, (20, 10))
    counts = [np.bincount(row, minlength=100).tolist() for row in labels]
    run = run_of(
        {"loss/train": [1.0]},
        vectors={"target_class_count/train": counts},
        manifest=Manifest(loss="CrossEntropyLoss", loss_reduction="mean"),
    )
    shares = np.bincount(labels.ravel(), minlength=100) / labels.size
    found = trivial_loss(run)
    assert found is not None
    assert abs(found - math.log(100)) < 0.5 * abs(entropy(*shares) - math.log(100))
    assert found <= math.log(100)


@pytest.mark.parametrize("loss", ["cross_entropy", "nll_loss"])
def test_a_function_counts_as_the_module_of_its_name(loss: str) -> None:
    assert trivial_loss(classified(ramp(2.4, 0.3), [1e4] * 10, loss, "")) == pytest.approx(LN10, rel=1e-3)


def test_a_summed_loss_has_a_trivial_loss_of_the_batch() -> None:
    run = run_of(
        {"loss/train": ramp(230.0, 20.0)},
        vectors={"target_class_count/train": [[10.0] * 10] * 40},
        manifest=Manifest(loss="CrossEntropyLoss", loss_reduction="sum", target_shape=(100,)),
    )
    assert trivial_loss(run) == pytest.approx(100 * LN10, rel=0.01)
    assert learning(run).well
    assert trivial_loss(
        regressed([1.0], {"target_variance/train": [4.0]}, loss="MSELoss", reduction="sum", shape=(64, 3))
    ) == pytest.approx(64 * 3 * 4)


def test_a_summed_loss_over_more_targets_than_are_counted() -> None:
    """Of 64·64·8 = 32768 pixels every ninth is counted; a tenth of them is to be ignored."""
    counted = -(-32768 // 9)
    run = run_of(
        {"loss/train": [1.0]},
        vectors={"target_class_count/train": [[0.45 * counted, 0.45 * counted]]},
        manifest=Manifest(loss="cross_entropy", loss_reduction="sum", target_shape=(8, 64, 64)),
    )
    assert trivial_loss(run) == pytest.approx(0.9 * 32768 * math.log(2), rel=0.01)


@pytest.mark.parametrize(
    ("first", "last", "status"),
    [
        (147.0, 19.0, "learning"),  # a sum over 64 samples: nothing to compare with but its start
        (50.0, 2.3, "stalled"),  # a mean that comes to rest where a constant prediction is
        (4.6, 2.35, "stalled"),
        (4.6, 1.8, "learning"),
    ],
)
def test_a_function_may_be_a_sum(first: float, last: float, status: str) -> None:
    assert (
        learning(classified([first] * 4 + ramp(first, last, 10) + [last] * 30, [6.4] * 10, "cross_entropy", "")).status
        == status
    )


def test_half_a_squared_error_is_not_taken_for_a_network_that_knows_already() -> None:
    half = regressed([0.5] * 40, {"target_variance/train": [1.0] * 40}, loss="mse_loss", reduction="")
    assert trivial_loss(half) is None
    assert not learning(half).well
    whole = regressed([1.0] * 40, {"target_variance/train": [1.0] * 40}, loss="mse_loss", reduction="")
    assert trivial_loss(whole) == 1.0


def test_single_targets_have_a_variance_over_the_steps() -> None:
    targets = np.random.default_rng(1).normal(3.0, 2.0, 200)
    run = regressed([1.0] * 200, {"target_mean/train": targets.tolist()}, loss="MSELoss", shape=(1, 1))
    assert trivial_loss(run) == pytest.approx(targets.var())
    assert trivial_loss(regressed([1.0] * 5, {"target_mean/train": [1.0] * 5}, loss="MSELoss", shape=(1,))) is None


def test_of_small_batches_the_mean_variance_counts() -> None:
    """The median of the variances of two normal targets is 0.45 of the true one."""
    pairs = np.random.default_rng(2).normal(0.0, 1.0, (2000, 2)).var(axis=1, ddof=1)
    run = regressed([1.0], {"target_variance/train": pairs.tolist()}, loss="MSELoss", shape=(2, 1))
    assert trivial_loss(run) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("loss", ["BCEWithLogitsLoss", "BCELoss", "binary_cross_entropy", "binary_cross_entropy_with_logits"])
def test_the_trivial_loss_of_binary_targets_is_the_entropy_of_their_mean(loss: str) -> None:
    targets = {"target_mean/train": [0.3] * 40, "target_integer_fraction/train": [1.0] * 40}
    reduction = "mean" if "Loss" in loss else ""
    run = regressed([0.7] * 40, targets, loss=loss, reduction=reduction)
    assert trivial_loss(run) == pytest.approx(entropy(0.3, 0.7))


def test_of_several_labels_each_has_a_share_of_its_own() -> None:
    """Columns that are 0.1 and 0.9 of the time one: their mean of 0.5 alone would promise ln 2."""
    targets = {
        "target_mean/train": [0.5] * 40,
        "target_variance/train": [0.09] * 40,
        "target_integer_fraction/train": [1.0] * 40,
    }
    run = regressed([0.69] * 40, targets, loss="BCEWithLogitsLoss", shape=(64, 2))
    assert trivial_loss(run) == pytest.approx(entropy(0.1, 0.9))


def test_soft_and_weighted_binary_targets_tell_nothing() -> None:
    soft = {"target_mean/train": [0.3] * 40, "target_integer_fraction/train": [0.2] * 40, "target_variance/train": [0.1] * 40}
    assert trivial_loss(regressed([0.7] * 40, soft, loss="BCELoss")) is None
    rare = {"target_mean/train": [0.1] * 40, "target_integer_fraction/train": [1.0] * 40}
    assert trivial_loss(regressed([0.7] * 40, rare, loss="BCEWithLogitsLoss")) == pytest.approx(entropy(0.1, 0.9))
    weighted = regressed(ramp(1.25, 0.8), rare, loss="BCEWithLogitsLoss")
    assert trivial_loss(weighted) is None
    assert learning(weighted).well


@pytest.mark.parametrize(("nats", "known"), [(5.0, True), (7.0, False)])
def test_a_vocabulary_needs_batches_that_can_tell_its_entropy(nats: float, known: bool) -> None:
    run = run_of(
        {"loss/train": [10.0], "target_entropy/train": [nats]},
        manifest=Manifest(loss="cross_entropy", loss_reduction="mean", target_shape=(4096,), output_shape=(4096, 50_000)),
    )
    assert trivial_loss(run) == (nats if known else None)


def predicting(losses: Sequence[float], predicted: Sequence[float], accuracy: float, targets: Sequence[float]) -> Run:
    n = len(losses)
    return run_of(
        {"loss/train": losses, "batch_accuracy/train": [accuracy] * n},
        vectors={"target_class_count/train": [targets] * n, "predicted_class_count/train": [predicted] * n},
        manifest=Manifest(loss="CrossEntropyLoss", loss_reduction="mean", output_shape=(100, 2), target_shape=(100,)),
    )


def test_a_loss_weighted_by_class_is_judged_by_its_predictions() -> None:
    """From ln 2 to 0.4: above the entropy of 9 to 1, and yet most of the rare class is found."""
    assert learning(predicting(ramp(0.69, 0.4), [80.0, 20.0], 0.88, [90.0, 10.0])).well
    assert not learning(predicting(ramp(0.69, 0.33), [100.0, 0.0], 0.90, [90.0, 10.0])).well
    assert not learning(predicting(ramp(0.69, 0.40), [80.0, 20.0], 0.74, [90.0, 10.0])).well


def test_agreement_beyond_chance_is_cohens_kappa() -> None:
    rng = np.random.default_rng(3)
    target = rng.integers(0, 2, 100)
    predicted = np.where(rng.random(100) < 0.3, 1 - target, target)
    counts = [np.bincount(labels, minlength=2).astype(float).tolist() for labels in (predicted, target)]
    run = predicting([1.0] * 10, counts[0], float((predicted == target).mean()), counts[1])
    assert chance_corrected(run) == pytest.approx(cohen_kappa_score(target, predicted))


@pytest.mark.parametrize(("size", "spread"), [(1, 0.2), (1, 30.0), (64, 0.2), (64, 30.0), (3, 30.0)])
def test_the_first_outputs_tell_a_sum_from_a_bad_start(size: int, spread: float) -> None:
    """A function's reduction is not in the log: its first loss is compared with that of its outputs."""
    rng = np.random.default_rng(4)
    outputs, labels = rng.normal(0, spread, (64, 10)), rng.integers(0, 10, 64)
    partition = np.log(np.exp(outputs - outputs.max(axis=1, keepdims=True)).sum(axis=1)) + outputs.max(axis=1)
    first = size * float((partition - outputs[np.arange(64), labels]).mean())
    run = run_of(
        {
            "loss/train": [first] * 5 + [0.6 * first] * 40,
            "log_partition/model": [float(np.abs(partition).mean())] * 45,
            "output_mean/model": [float(outputs.mean())] * 45,
        },
        vectors={"target_class_count/train": [[6.4] * 10] * 45},
        manifest=Manifest(loss="cross_entropy", output_shape=(64, 10), target_shape=(64,)),
    )
    known = trivial_loss(run)
    if size == 3:  # neither a mean nor the sum over the batch
        assert known is None
    else:
        assert known == pytest.approx(size * LN10, rel=0.01)
    assert learning(run).well == (spread < 1 or size == 3)
