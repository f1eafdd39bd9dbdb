"""Where a run collapses into NaN, and what is left of it for statistics."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hand_made import run_of

from torchvitals.diagnosis.sound import collapse_step, sound

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("losses", "step"),
    [
        ([1, 1, 1, 1], None),
        ([1, NAN, 1, 1], None),
        ([NAN, 1, NAN, 1], None),
        ([1, 1, NAN, NAN], 2),
        ([1, NAN, 1, INF], 3),
        ([NAN, NAN, NAN, NAN], 0),
        ([], None),
    ],
    ids=["never", "once", "now and then", "to the end", "again at the end", "from the start", "nothing recorded"],
)
def test_only_what_lasts_to_the_end_is_a_collapse(losses: Sequence[float], step: int | None) -> None:
    assert collapse_step(run_of({"loss/train": losses})) == step


def test_weights_collapse_too_and_the_earlier_of_both_counts() -> None:
    run = run_of({"loss/train": [1, 1, 1, NAN], "nonfinite_weights/a": [0, 0, 5, 5], "nonfinite_weights/b": [0, 9, 0, 0]})
    assert collapse_step(run) == 2


def test_a_validation_loss_is_not_the_training() -> None:
    assert collapse_step(run_of({"loss/train": [1, 1], "loss/val": [NAN, NAN]})) is None


def test_a_sound_run_is_left_as_it_is() -> None:
    run = run_of({"loss/train": [1, NAN, 1]})
    assert sound(run) is run


def test_what_comes_after_the_collapse_is_cut_from_every_series() -> None:
    run = run_of(
        {"loss/train": [3, 2, NAN, NAN], "grad_norm/w": [1, 1, 1, NAN]},
        vectors={"firing_rate/relu": [[0.5], [0.4], [0.3], [0.0]]},
    )
    before = sound(run)
    assert before.steps.tolist() == [0, 1]
    assert all(np.isfinite(s.value).all() for s in before.scalars.values())
    assert [len(v) for v in before.vectors.values()] == [2]
    assert run.steps.tolist() == [0, 1, 2, 3]
