from __future__ import annotations

import numpy as np
import pytest
from present.samples import manifest_of, run_of, series, vanishing, vanishing_run

from torchvitals.core.run import Run
from torchvitals.present.grid import MAX_LAYERS, MAX_STEPS, layer_grid


def test_rows_are_weights_in_forward_order() -> None:
    grid = layer_grid(vanishing_run(), "grad_norm")
    assert grid.subjects == ("layers.0.weight", "layers.2.weight", "layers.4.weight", "layers.6.weight", "head.weight")


def test_a_bias_with_a_finding_is_shown() -> None:
    from dataclasses import replace

    finding = replace(vanishing(), module="head.bias", modules=())
    assert "head.bias" in layer_grid(vanishing_run(), "grad_norm", findings=[finding]).subjects


def test_without_a_manifest_everything_is_shown() -> None:
    run = run_of(series("grad_norm/a.bias", [1.0]), series("grad_norm/a.weight", [1.0]))
    assert set(layer_grid(run, "grad_norm").subjects) == {"a.bias", "a.weight"}


def test_only_vectors_is_better_than_nothing() -> None:
    run = run_of(series("grad_norm/head.bias", [1.0]), manifest=manifest_of())
    assert layer_grid(run, "grad_norm").subjects == ("head.bias",)


@pytest.mark.parametrize("extreme", [np.nan, np.inf, -np.inf, 0.0, 1e-30, 1e30])
def test_one_telling_step_survives_thinning(extreme: float) -> None:
    value = np.random.default_rng(0).uniform(0.5, 2.0, 9_999)
    value[4_321] = extreme
    grid = layer_grid(run_of(series("grad_norm/a", value)), "grad_norm")
    assert grid.value.shape[1] <= MAX_STEPS
    column = np.searchsorted(grid.step, 43_210, side="right") - 1
    np.testing.assert_equal(grid.value[0, column], extreme)


def test_non_finite_beats_zero_beats_far() -> None:
    value = np.ones(MAX_STEPS * 3)
    value[0:3] = [np.nan, 0.0, 1e9]
    value[3:6] = [1e9, 0.0, 1.0]
    grid = layer_grid(run_of(series("grad_norm/a", value)), "grad_norm")
    assert grid.nonfinite[0, 0]
    assert grid.zero[0, 1]


def test_what_was_not_recorded_is_neither_zero_nor_bad() -> None:
    run = run_of(series("grad_norm/a", [1.0, 2.0], [0, 10]), series("grad_norm/b", [0.0], [10]))
    grid = layer_grid(run, "grad_norm")
    assert grid.recorded.tolist() == [[True, True], [False, True]]
    assert grid.zero.tolist() == [[False, False], [False, True]]
    assert not grid.nonfinite.any()


def test_signed_measures_and_fractions_are_linear() -> None:
    run = run_of(series("activation_mean/a", [-1.0, 1.0]), series("dead_fraction/a", [0.0, 1.0]), series("grad_norm/a", [1.0]))
    assert [layer_grid(run, m).log for m in ("activation_mean", "dead_fraction", "grad_norm")] == [False, False, True]


def test_too_many_layers_keep_the_sick_one_and_say_how_many_are_left_out() -> None:
    many = {f"l{i:03d}": series(f"grad_norm/l{i:03d}", [1.0, np.nan if i == 617 else 1.0]) for i in range(800)}
    grid = layer_grid(run_of(*many.values()), "grad_norm")
    assert len(grid.subjects) <= MAX_LAYERS
    assert "l617" in grid.subjects
    assert grid.omitted == 800 - len(grid.subjects)
    assert list(grid.subjects) == sorted(grid.subjects)


def test_empty_run() -> None:
    grid = layer_grid(Run(name="empty"), "grad_norm")
    assert grid.subjects == ()
    assert grid.value.shape == (0, 0)
