"""The arrays of a run at a step."""

from __future__ import annotations

import numpy as np
import pytest
from present.learned_samples import convolution_run, learned_run

from torchvitals.core.run import Run
from torchvitals.present.learned import (
    as_pictures,
    filters_at,
    image_at,
    looks,
    scalar_at,
    subjects,
    tensor_at,
    thinned,
    vector_at,
)


@pytest.mark.parametrize(("step", "value"), [(0, 1.0), (9, 1.0), (10, 2.0), (999, 3.0), (-1, None)])
def test_the_last_look_at_or_before_the_step_counts(step: int, value: float | None) -> None:
    grown = [np.full((2, 2), v) for v in (1.0, 2.0, 3.0)]
    run = learned_run(
        scalars={"a/model": [1.0, 2.0, 3.0]},
        tensors={"a/model": grown},
        vectors={"a/model": [g[0] for g in grown]},
    )
    tensor, vector = tensor_at(run, "a", "model", step), vector_at(run, "a", "model", step)
    assert scalar_at(run, "a", "model", step) == value
    assert (None if tensor is None else tensor[0, 0]) == value
    assert (None if vector is None else vector[0]) == value


def test_what_was_not_recorded_is_none() -> None:
    run = Run(name="empty")
    assert tensor_at(run, "a", "model", 5) is None
    assert image_at(run, "a", "model", 5) is None
    assert filters_at(run, "conv1", 5) is None
    assert subjects(run, "filter_weights") == []
    assert looks(run, {"filter_weights"}) == []


def test_layers_stand_in_forward_order() -> None:
    weights = {f"filter_weights/{n}": [np.zeros((1, 1, 1))] for n in ("b", "a", "z#1", "z")}
    run = learned_run(tensors=weights, modules=(("z", "Conv1d"), ("b", "Conv1d"), ("a", "Conv1d")))
    assert subjects(run, "filter_weights") == ["z", "z#1", "b", "a"]


def test_looks_are_the_steps_of_any_of_the_measures() -> None:
    assert looks(convolution_run(), {"probe_inputs"}) == [0]
    assert looks(convolution_run(), {"probe_inputs", "filter_norm"}) == [0, 10, 40]


def test_filters_that_were_thinned_get_their_own_numbers() -> None:
    weights = np.arange(3.0)[:, None, None] * np.ones((3, 1, 4))
    run = learned_run(
        tensors={"filter_weights/conv": [weights]},
        vectors={"filter_activity/conv": [np.arange(9.0) / 10], "filter_norm/conv": [np.array([7.0, 8.0])]},
    )
    filters = filters_at(run, "conv", 0)
    assert filters is not None
    assert filters.index.tolist() == [0, 4, 8]
    assert filters.activity.tolist() == [0, 0.4, 0.8]
    assert filters.norm.tolist() == [7, 2, 8]  # the middle one is not among the norms of the log: √(4 · 1²)
    assert filters.similarity is None


def test_dead_filters_are_silent_or_have_no_weights() -> None:
    weights = np.ones((4, 1, 2, 2))
    weights[1] = 1e-5
    weights[3, 0, 0, 0] = np.nan
    run = learned_run(tensors={"filter_weights/c": [weights]}, vectors={"filter_activity/c": [np.array([0.5, 0.5, 0, 0.5])]})
    filters = filters_at(run, "c", 0)
    assert filters is not None
    assert filters.dead.tolist() == [False, True, True, False]
    assert filters.broken.tolist() == [False, False, False, True]


def test_long_rows_of_tokens_are_no_pictures() -> None:
    rows = np.zeros((3, 256))
    assert as_pictures(learned_run(), rows).shape == (3, 1, 16, 16)
    assert as_pictures(learned_run(modules=(("e", "Embedding"),)), rows).shape == (3, 256)
    assert as_pictures(learned_run(), None) is None


def test_thinning_is_that_of_the_recording_side() -> None:
    evenly = pytest.importorskip("torchvitals.explanation.evenly").evenly
    for total, most in ((9, 3), (100, 64), (512, 64), (65, 64), (3, 8)):
        assert thinned(total, min(total, most)).tolist() == evenly(total, most)


def test_the_share_of_filters_that_are_as_they_began() -> None:
    weights = [np.ones((4, 1, 3, 3))]
    run = learned_run(
        tensors={"filter_weights/conv": weights}, vectors={"filter_change/conv": [np.array([0.0, 5e-3, 0.2, np.nan])]}
    )
    changed, unknown = filters_at(run, "conv", 0), filters_at(learned_run(tensors={"filter_weights/conv": weights}), "conv", 0)
    assert changed is not None
    assert unknown is not None
    assert changed.unchanged == pytest.approx(2 / 3)
    assert unknown.unchanged is None
