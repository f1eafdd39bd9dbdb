"""What is read of inputs, outputs, targets and the probe's losses, against plain numpy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from recording import readings
from sklearn.datasets import load_digits
from torch import Tensor, nn

from torchvitals.record.instrument import Instrument, Reading
from torchvitals.record.instruments.input_features import InputFeatures
from torchvitals.record.instruments.loss_contract import LossContract
from torchvitals.record.instruments.outputs import Outputs
from torchvitals.record.instruments.predicted_classes import PredictedClasses
from torchvitals.record.instruments.probe_loss import ProbeLoss
from torchvitals.record.instruments.targets import Targets
from torchvitals.record.labels import are_class_indices
from torchvitals.record.sights import InputSight, LossSight, OutputSight, ProbeSight
from torchvitals.record.thinning import odd_stride, spread, thin

ONE = torch.tensor(1.0)
Array = NDArray[np.float64]


def rand(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def ints(classes: int, *shape: int, seed: int = 0) -> Tensor:
    return torch.randint(0, classes, shape, generator=torch.Generator().manual_seed(seed))


def of_input(x: Tensor) -> dict[str, Any]:
    return readings(list(InputFeatures().measure(InputSight(inputs=x))))


def of_output(x: Tensor) -> dict[str, Any]:
    return readings(list(Outputs().measure(OutputSight(outputs=x))))


def of_loss(instrument: Instrument[LossSight], outputs: Tensor | None, targets: Tensor | None) -> dict[str, Any]:
    return readings(list(instrument.measure(LossSight(loss=ONE, outputs=outputs, targets=targets))))


# Inputs


@pytest.mark.parametrize("shape", [(32, 5), (32, 3, 6, 7), (16, 2, 40), (8, 2, 3, 4, 5)])
def test_features_of_an_input_are_columns_or_channels(shape: tuple[int, ...]) -> None:
    x = rand(*shape) * 3 + 1
    found = of_input(x)
    a = x.double().numpy()
    others = tuple(d for d in range(a.ndim) if d != 1)
    assert found["batch_size/model"] == shape[0]
    assert found["input_feature_mean/model"] == pytest.approx(a.mean(axis=others), rel=1e-4)
    assert found["input_feature_std/model"] == pytest.approx(a.std(axis=others), rel=1e-4)
    assert found["input_feature_min/model"] == pytest.approx(a.min(axis=others))
    assert found["input_feature_max/model"] == pytest.approx(a.max(axis=others))
    assert found["constant_feature_fraction/model"] == 0
    if len(shape) == 3:
        assert "input_feature_error/model" not in found
    else:
        samples = a.reshape(*shape[:2], -1).mean(axis=2)
        expected = samples.std(axis=0, ddof=1) / math.sqrt(shape[0])
        assert found["input_feature_error/model"] == pytest.approx(expected, rel=1e-4)


def test_of_many_features_the_same_evenly_spread_ones_are_seen() -> None:
    x = rand(16, 3072)
    every = odd_stride(3072, 64)
    found = of_input(x)["input_feature_mean/model"]
    assert len(found) == len(range(0, 3072, every)) <= 64
    assert found == pytest.approx(x.double().numpy()[:, ::every].mean(axis=0), rel=1e-4, abs=1e-6)


def test_a_large_input_is_judged_by_few_of_its_elements() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(64, 3, 112, 112, generator=generator) * torch.tensor([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1) + 5
    a = x.double().numpy()
    found, last = of_input(x), of_input(x.contiguous(memory_format=torch.channels_last))
    assert found == last
    assert found["input_feature_std/model"] == pytest.approx(a.std(axis=(0, 2, 3)), rel=0.03)
    assert found["input_feature_mean/model"] == pytest.approx(a.mean(axis=(0, 2, 3)), rel=0.02)


def test_constant_features_are_counted_over_more_than_the_features_shown() -> None:
    x = rand(40, 1000)
    x[:, :250] = 0.1
    assert of_input(x)["constant_feature_fraction/model"] == pytest.approx(0.25)
    images = rand(8, 4, 5, 5)
    images[:, 3] = 1.0
    assert of_input(images)["constant_feature_fraction/model"] == pytest.approx(0.25)


def test_a_constant_feature_has_no_spread_whatever_its_size() -> None:
    found = of_input(torch.full((37, 2), 1e6 / 3))
    assert found["input_feature_std/model"] == [0.0, 0.0]
    assert found["input_feature_error/model"] == [0.0, 0.0]


@pytest.mark.parametrize("x", [ints(9, 8, 4), torch.ones(8, 4, dtype=torch.bool), rand(8), rand(8, 4).to_sparse()])
def test_of_other_inputs_only_the_batch_size_is_read(x: Tensor) -> None:
    assert of_input(x) == {"batch_size/model": 8.0}


def test_one_sample_has_a_place_but_no_spread() -> None:
    assert set(of_input(rand(1, 4))) == {
        "batch_size/model",
        *(f"input_feature_{name}/model" for name in ("mean", "min", "max")),
    }
    assert of_input(torch.tensor(3.0)) == {}
    assert of_input(torch.zeros(0, 4)) == {"batch_size/model": 0.0}


def dispersion(batches: Iterator[Tensor]) -> float:
    """As the docstring of `InputFeatures` tells a rule to compute it."""
    found = [of_input(x) for x in batches]
    means = np.array([f["input_feature_mean/model"] for f in found])
    errors = np.array([f["input_feature_error/model"] for f in found])
    expected = (errors**2).mean(axis=0)
    return float((means.var(axis=0, ddof=1)[expected > 0] / expected[expected > 0]).mean())


def in_batches(x: Array, order: NDArray[np.int64], size: int = 32) -> Iterator[Tensor]:
    for i in range(0, len(order) - size + 1, size):
        yield torch.from_numpy(x[order[i : i + size]]).float()


@pytest.mark.parametrize("as_images", [False, True])
def test_the_dispersion_tells_sorted_from_shuffled_digits(as_images: bool) -> None:
    x, y = load_digits(return_X_y=True)
    if as_images:
        x = np.stack((x.reshape(-1, 8, 8), x.reshape(-1, 8, 8) ** 2), axis=1)
    shuffled = np.concatenate([np.random.default_rng(seed).permutation(len(y)) for seed in range(3)])
    assert dispersion(in_batches(x, shuffled)) < 1.27
    assert dispersion(in_batches(x, np.argsort(y, kind="stable"))) > 3


# Outputs


@pytest.mark.parametrize("shape", [(16, 10), (16, 1), (16,), (4, 3, 5, 5), (9, 7, 11)])
def test_outputs_by_their_moments_and_their_spread_over_the_batch(shape: tuple[int, ...]) -> None:
    z = rand(*shape) * 2 + 1
    a = z.double().numpy()
    found = of_output(z)
    expected = {"mean": a.mean(), "std": a.std(), "min": a.min(), "max": a.max(), "spread": a.std(axis=0).mean()}
    assert {name: found[f"output_{name}/model"] for name in expected} == pytest.approx(expected, rel=1e-4)
    assert ("log_partition/model" in found) == (shape == (16, 10))


def test_rows_of_scores_against_numpy() -> None:
    z = rand(50, 12) * 3
    a = z.double().numpy()
    found = of_output(z)
    assert found["row_sum_error/model"] == pytest.approx(np.abs(a.sum(axis=1) - 1).max(), rel=1e-5)
    assert found["logit_spread/model"] == pytest.approx(a.std(axis=1).mean(), rel=1e-5)
    assert found["log_partition/model"] == pytest.approx(np.abs(np.log(np.exp(a).sum(axis=1))).mean(), rel=1e-5)


def test_probabilities_are_known_by_their_sums_and_logits_are_not() -> None:
    z = rand(300, 1000)
    assert of_output(z.softmax(dim=1))["row_sum_error/model"] < 1e-5
    assert of_output(z.log_softmax(dim=1))["log_partition/model"] < 1e-5
    assert of_output(z)["row_sum_error/model"] > 1


def test_a_network_that_always_says_the_same_has_no_spread() -> None:
    assert of_output(rand(1, 7).expand(33, 7))["output_spread/model"] == 0
    assert "output_spread/model" not in of_output(rand(1, 7))


def test_of_a_vocabulary_few_whole_rows_are_read() -> None:
    z = rand(64, 20_000)
    every = odd_stride(64, 8)
    a = z.double().numpy()[::every]
    expected = np.abs(np.log(np.exp(a).sum(axis=1))).mean()
    assert of_output(z)["log_partition/model"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("x", [torch.zeros(0, 3), torch.zeros(4, 0), ints(5, 4, 3)])
def test_outputs_that_are_none_or_no_numbers_give_nothing(x: Tensor) -> None:
    assert of_output(x) == {}


# Targets


def entropy_of(labels: NDArray[Any]) -> float:
    share = np.unique(labels, return_counts=True)[1] / labels.size
    return float(-(share * np.log(share)).sum())


def test_counts_and_entropy_of_class_indices() -> None:
    y = ints(7, 64)
    y[:5] = -100
    found = of_loss(Targets(), rand(64, 7), y)
    kept = y.numpy()[5:]
    assert found["target_class_count/train"] == np.bincount(kept, minlength=7).tolist()
    assert found["target_entropy/train"] == pytest.approx(entropy_of(kept), rel=1e-5)


def test_of_a_vocabulary_only_the_entropy_is_told() -> None:
    y = ints(300, 2000) ** 2 % 1500
    found = of_loss(Targets(), rand(2000, 1500), y)
    assert found == {"target_entropy/train": pytest.approx(entropy_of(y.numpy()), rel=1e-5)}


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int32, torch.int64])
def test_labels_of_any_integer_type_are_counted(dtype: torch.dtype) -> None:
    """Compared as uint8, class 200 of 1000 would lie beyond the last class, 1000 being 232 there."""
    y = torch.tensor([3, 100, 100], dtype=dtype)
    found = of_loss(Targets(), rand(3, 1000), y)["target_class_count/train"]
    assert {c: n for c, n in enumerate(found) if n} == {3: 1.0, 100: 2.0}
    if dtype == torch.uint8:
        found = of_loss(Targets(), rand(1, 1000), torch.tensor([240], dtype=dtype))["target_class_count/train"]
        assert {c: n for c, n in enumerate(found) if n} == {240: 1.0}


@pytest.mark.parametrize("instrument", [Targets(), PredictedClasses()], ids=["targets", "predictions"])
def test_a_batch_without_any_class_has_nothing_to_judge(instrument: Instrument[LossSight]) -> None:
    found = of_loss(instrument, rand(4, 3), torch.full((4,), -100))
    vector, scalar = found.values()
    assert vector == [0.0, 0.0, 0.0]
    assert math.isnan(scalar)


@pytest.mark.parametrize("shape", [(40,), (40, 1), (40, 6), (4, 3, 5, 5)])
def test_where_floating_targets_lie(shape: tuple[int, ...]) -> None:
    y = rand(*shape) * 2 + 3
    a = y.double().numpy()
    assert of_loss(Targets(), None, y) == pytest.approx(
        {
            "target_variance/train": a.var(axis=0, ddof=1).mean(),
            "target_mean/train": a.mean(),
            "target_min/train": a.min(),
            "target_max/train": a.max(),
            "target_integer_fraction/train": 0.0,
        },
        rel=1e-4,
    )


def test_labels_given_as_floats_are_whole_and_infinite_ones_are_not() -> None:
    def whole(*values: float) -> float:
        return float(of_loss(Targets(), None, torch.tensor(values))["target_integer_fraction/train"])

    assert whole(0.0, 1.0, -2.0, 3.0) == 1
    assert whole(0.0, 1.5, math.inf, math.nan) == 0.25


def test_the_variance_of_wide_targets_is_that_of_some_columns() -> None:
    y = rand(8, 200_000)
    found = of_loss(Targets(), None, y)["target_variance/train"]
    assert found == pytest.approx(y.double().var(dim=0).mean().item(), rel=0.02)


@pytest.mark.parametrize(
    ("outputs", "targets", "expected"),
    [
        ((8, 3), (8,), True),
        ((8, 3, 5, 6), (8, 5, 6), True),
        ((3,), (), True),
        ((8, 5, 3), (8, 5), False),  # classes last
        ((8, 3), (8, 3), False),
        ((), (), False),
        ((20, 8, 30), (8, 12), False),  # CTC
    ],
)
def test_class_indices_are_known_by_their_shape(outputs: tuple[int, ...], targets: tuple[int, ...], expected: bool) -> None:
    assert are_class_indices(torch.zeros(outputs), torch.zeros(targets, dtype=torch.long)) is expected
    assert are_class_indices(torch.zeros(outputs), torch.zeros(targets)) is False


# Predictions


@pytest.mark.parametrize("shape", [(64, 7), (6, 4, 5, 3), (5, 3, 17)])
def test_predictions_are_the_largest_outputs(shape: tuple[int, ...]) -> None:
    z, y = rand(*shape), ints(shape[1], shape[0], *shape[2:])
    y.view(-1)[::9] = -100
    found = of_loss(PredictedClasses(), z, y)
    best, labels = z.numpy().argmax(axis=1), y.numpy()
    kept = labels >= 0
    assert found["predicted_class_count/train"] == np.bincount(best[kept], minlength=shape[1]).tolist()
    assert found["batch_accuracy/train"] == pytest.approx((best == labels)[kept].mean())


def test_of_a_large_map_the_same_positions_of_outputs_and_targets_are_compared() -> None:
    y = ints(5, 7, 90, 91)
    z = nn.functional.one_hot(y, 5).movedim(-1, 1).float()
    found = of_loss(PredictedClasses(), z, y)
    assert found["batch_accuracy/train"] == 1
    assert 1000 < sum(found["predicted_class_count/train"]) <= 4096


def test_of_a_vocabulary_only_the_accuracy_is_told() -> None:
    y = ints(30_000, 200)
    z = nn.functional.one_hot(y, 30_000).float()
    assert of_loss(PredictedClasses(), z, y) == {"batch_accuracy/train": 1.0}
    assert of_loss(PredictedClasses(), z, y + 1) == {"batch_accuracy/train": 0.0}


def test_nan_predicts_no_class_and_is_never_right() -> None:
    z = torch.tensor([[0.0, 1.0], [math.nan, 1.0], [1.0, 0.0], [math.inf, 0.0]])
    found = of_loss(PredictedClasses(), z, torch.tensor([1, 0, 1, 0]))
    assert found == {"predicted_class_count/train": [2.0, 1.0], "batch_accuracy/train": 0.5}


@pytest.mark.parametrize(
    ("outputs", "targets"),
    [
        (rand(8, 1), ints(1, 8)),
        (rand(8, 3), rand(8, 3)),
        (rand(8), rand(8)),
        (None, ints(3, 8)),
        (rand(8, 3), None),
        (rand(0, 3), ints(3, 0)),
        (rand(8, 5, 3), ints(3, 8, 5)),
    ],
)
def test_without_classes_nothing_is_predicted(outputs: Tensor | None, targets: Tensor | None) -> None:
    assert of_loss(PredictedClasses(), outputs, targets) == {}


# Outputs against targets


@pytest.mark.parametrize(
    ("outputs", "targets", "expected"),
    [
        ((8, 1), (8,), 1.0),
        ((8,), (8, 1), 1.0),
        ((8, 1, 5), (1, 3, 1), 1.0),
        ((8, 3), (8, 3), 0.0),
        ((8, 3), (3,), 0.0),
        ((1, 1), (1,), 0.0),
        ((8, 3), (8, 4), 0.0),
        ((), (8,), 0.0),
    ],
)
def test_shapes_that_spread_to_more_than_either_are_told(
    outputs: tuple[int, ...], targets: tuple[int, ...], expected: float
) -> None:
    found = of_loss(LossContract(), torch.zeros(outputs), torch.zeros(targets))
    assert found["broadcast/loss"] == expected
    assert found["output_target_ratio/loss"] == math.prod(outputs) / math.prod(targets)
    if expected:
        assert (np.zeros(outputs) - np.zeros(targets)).size > max(math.prod(outputs), math.prod(targets))


def test_targets_that_a_sigmoid_cannot_reach() -> None:
    z, y = rand(32, 4).sigmoid(), rand(32, 4, seed=1).abs() * 5
    a, b = z.numpy(), y.numpy()
    found = of_loss(LossContract(), z, y)
    assert found["targets_outside_outputs/train"] == pytest.approx(((b < a.min()) | (b > a.max())).mean())
    assert of_loss(LossContract(), y, y)["targets_outside_outputs/train"] == 0
    z[0, 0] = math.nan
    assert math.isnan(of_loss(LossContract(), z, y)["targets_outside_outputs/train"])


def test_of_class_indices_only_the_ratio_is_told() -> None:
    assert of_loss(LossContract(), rand(8, 3), ints(3, 8)) == {"output_target_ratio/loss": 3.0}
    assert of_loss(LossContract(), rand(8, 3), torch.zeros(0)) == {}
    assert of_loss(LossContract(), None, rand(8)) == {}


# The probe


def test_the_probe_has_a_loss_in_each_mode() -> None:
    found = list(ProbeLoss().measure(ProbeSight(outputs=rand(4, 3), loss=torch.tensor(0.5), training_loss=torch.arange(3.0))))
    assert readings(found) == {"loss/probe": 0.5, "loss/probe_train": 1.0}
    assert readings(list(ProbeLoss().measure(ProbeSight(outputs=rand(4), loss=None)))) == {}


# What holds for all of them

Look = Callable[[Tensor, Tensor], list[Reading]]


def _look_at_input(x: Tensor, _: Tensor) -> list[Reading]:
    return list(InputFeatures().measure(InputSight(inputs=x)))


def _look_at_output(x: Tensor, _: Tensor) -> list[Reading]:
    return list(Outputs().measure(OutputSight(outputs=x)))


def _look_at_probe(x: Tensor, y: Tensor) -> list[Reading]:
    return list(ProbeLoss().measure(ProbeSight(outputs=x, loss=x.sum(), training_loss=y)))


def _look_at_loss(x: Tensor, y: Tensor) -> list[Reading]:
    sight = LossSight(loss=ONE, outputs=x, targets=y)
    return [r for i in (Targets(), PredictedClasses(), LossContract()) for r in i.measure(sight)]


LOOKS = (_look_at_input, _look_at_output, _look_at_loss, _look_at_probe)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_half_and_double_precision_agree_with_single(look: Look, dtype: torch.dtype) -> None:
    x = (rand(16, 5) * 4).round() / 4 + 2
    single, other = readings(look(x, x + 0.25)), readings(look(x.to(dtype), (x + 0.25).to(dtype)))
    assert list(single) == list(other)
    for tag, value in single.items():
        assert other[tag] == pytest.approx(value, rel=0.01, abs=1e-3), tag


def test_sums_in_half_precision_do_not_overflow() -> None:
    big = torch.full((64, 500), 60_000.0, dtype=torch.float16)
    found = {**of_input(big), **of_loss(Targets(), None, big)}
    assert found["input_feature_mean/model"][0] == pytest.approx(6e4, rel=1e-3)
    assert found["target_mean/train"] == pytest.approx(6e4, rel=1e-3)
    assert of_output(big)["row_sum_error/model"] == pytest.approx(500 * 59_999, rel=0.01)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_bad_values_raise_nothing_and_stay_in_their_feature(look: Look, bad: float) -> None:
    x = rand(16, 5)
    x[3, 2] = bad
    assert readings(look(x, x))
    assert readings(look(x, ints(5, 16)))
    means = of_input(x)["input_feature_mean/model"]
    assert [math.isfinite(m) for m in means] == [True, True, False, True, True]


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize(("x", "y"), [(rand(16, 5), rand(16, 5)), (rand(16, 5), ints(5, 16)), (rand(1, 2), rand(1, 2))])
def test_readings_are_copies_of_one_dimension_at_most(look: Look, x: Tensor, y: Tensor) -> None:
    x, y = x.clone(), y.clone()
    found = [(tag, value) for tag, value in look(x, y) if isinstance(value, Tensor)]
    assert found
    assert all(value.ndim <= 1 for _, value in found)
    before = readings(found)
    x.zero_()
    y.zero_()
    assert str(readings(found)) == str(before)  # as text, because NaN is not equal to itself


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("shape", [(16, 5), (16, 5, 4, 4), (16, 5, 9), (16,)])
def test_nothing_asks_for_a_value(look: Look, shape: tuple[int, ...]) -> None:
    """Tensors of the meta device have none, so whatever would wait for a device raises here."""
    x = torch.empty(shape, device="meta")
    targets = [x, torch.empty((shape[0], *shape[2:]), dtype=torch.long, device="meta")]
    assert all(look(x, y) for y in targets if y.is_floating_point() or look is _look_at_loss)


def test_nothing_draws_random_numbers() -> None:
    x, y = rand(5000, 70), ints(70, 5000)
    state = torch.get_rng_state()
    assert all(look(x, y.float() if look is _look_at_probe else y) for look in LOOKS)
    assert torch.equal(torch.get_rng_state(), state)


# Thinning


@pytest.mark.parametrize(("size", "limit"), [(1, 1), (64, 64), (65, 64), (1000, 7), (4097, 4096), (5, 1)])
def test_thinned_dimensions_keep_to_their_limit(size: int, limit: int) -> None:
    x = torch.arange(3 * size).reshape(size, 3)
    kept = thin(x, limit)
    assert kept.shape[0] <= limit
    assert kept.tolist() == x.numpy()[:: odd_stride(size, limit)].tolist()
    assert odd_stride(size, limit) % 2


@pytest.mark.parametrize("dim", [0, 1])
def test_spread_is_the_standard_deviation_of_a_population(dim: int) -> None:
    x = rand(30, 20) + 1000
    assert spread(x, dim=dim).tolist() == pytest.approx(x.double().numpy().std(axis=dim), rel=1e-4)
