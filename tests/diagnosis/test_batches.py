"""Dispersion of batches against random draws: known answers, and draws that were sorted and shuffled by hand."""

from __future__ import annotations

import numpy as np
import pytest

from torchvitals.core.manifest import Manifest
from torchvitals.core.run import Run
from torchvitals.core.series import Series, VectorSeries
from torchvitals.core.tag import Tag
from torchvitals.diagnosis.batches import balanced_by_design, feature_dispersion, label_dispersion, target_dispersion

CLASSES = 5


def counts_of(rows: np.ndarray) -> VectorSeries:
    return VectorSeries(
        tag=Tag.parse("target_class_count/train"), step=np.arange(len(rows)), value=tuple(row.astype(float) for row in rows)
    )


def counted(labels: np.ndarray, batch: int) -> VectorSeries:
    return counts_of(np.array([np.bincount(part, minlength=CLASSES) for part in labels.reshape(-1, batch)]))


def test_it_is_the_statistic_of_pearson() -> None:
    rows = np.array([[10, 20, 10], [20, 10, 10], [15, 15, 10]])
    expected = [sum((k - e) ** 2 / e for k, e in zip(row, (15, 15, 10), strict=True)) / 2 for row in rows]
    assert label_dispersion(counts_of(rows)).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("batch", [1, 4, 16, 64])
def test_shuffled_labels_are_near_one_and_sorted_ones_far_above(batch: int) -> None:
    labels = np.random.default_rng(0).integers(0, CLASSES, 64 * 40)
    assert label_dispersion(counted(labels, batch)).mean() < 1.3
    assert label_dispersion(counted(np.sort(labels), batch)).mean() > 3


def test_a_class_that_is_hardly_ever_expected_does_not_decide() -> None:
    labels = np.random.default_rng(1).integers(0, CLASSES - 1, 64 * 40)
    labels[17] = CLASSES - 1
    assert label_dispersion(counted(labels, 64)).max() < 5


def test_pairs_and_triplets_are_seen_as_meant() -> None:
    assert balanced_by_design(counts_of(np.array([[8, 8, 0, 0], [0, 8, 0, 8], [8, 0, 8, 0]])))
    assert not balanced_by_design(counts_of(np.array([[16, 0, 0, 0], [9, 7, 0, 0], [0, 0, 16, 0]])))


@pytest.mark.parametrize("ordered", [False, True])
def test_means_of_features_and_targets(ordered: bool) -> None:
    values = np.random.default_rng(2).normal(size=(32 * 60, 1))
    parts = (np.sort(values, axis=0) if ordered else values).reshape(60, 32, 1)
    steps, means = np.arange(60), parts.mean(axis=1)
    errors = parts.std(axis=1, ddof=1) / 32**0.5
    run = Run(
        name="made",
        manifest=Manifest(target_shape=(32, 1)),
        vectors={
            (tag := Tag.parse(f"input_feature_{name}/model")): VectorSeries(tag=tag, step=steps, value=tuple(rows))
            for name, rows in (("mean", means), ("error", errors))
        },
        scalars={
            (tag := Tag.parse(f"target_{name}/train")): Series(tag=tag, step=steps.copy(), value=column)
            for name, column in (("mean", means[:, 0].copy()), ("variance", parts.var(axis=1, ddof=1)[:, 0].copy()))
        },
    )
    spread = 1.4826 * np.median(np.abs(means[:, 0] - np.median(means[:, 0])))
    assert feature_dispersion(run) == (pytest.approx(spread**2 / (errors**2).mean()), 60)
    assert target_dispersion(run, 32) == (pytest.approx(spread**2 * 32 / parts.var(axis=1, ddof=1).mean()), 60)
    assert (feature_dispersion(run)[0] > 5) is ordered
