from __future__ import annotations

import numpy as np
import pytest
from present.samples import run_of, series

from torchvitals.core.run import Run
from torchvitals.present.figures.moments_band import MOST_STEPS, moments_band


def moments(mean: list[float], std: list[float], low: list[float], high: list[float]) -> Run:
    parts = {"mean": mean, "std": std, "min": low, "max": high}
    return run_of(*(series(f"input_{part}/model", values) for part, values in parts.items()))


def band(run: Run, start: str) -> tuple[np.ndarray, np.ndarray]:
    """The lower and the upper edge of a band."""
    trace = next(t for t in moments_band(run, "input", "model").data if (t.name or "").startswith(start))
    half = len(trace.y) // 2
    return np.array(trace.y[:half]), np.array(trace.y[half:])[::-1]


def test_the_bands_hold_extremes_and_one_standard_deviation() -> None:
    run = moments([0.0, 1.0], [1.0, 0.5], [-3.0, -1.0], [4.0, 2.0])
    low, high = band(run, "smallest")
    assert (low.tolist(), high.tolist()) == ([-3.0, -1.0], [4.0, 2.0])
    low, high = band(run, "mean ±")
    assert (low.tolist(), high.tolist()) == ([-1.0, 0.5], [1.0, 1.5])


def test_of_a_long_run_every_extreme_stays() -> None:
    rng = np.random.default_rng(0)
    low, high = -rng.uniform(1, 2, 3000), rng.uniform(1, 2, 3000)
    low[1234], high[2345] = -50.0, 70.0
    run = moments([0.0] * 3000, [1.0] * 3000, low.tolist(), high.tolist())
    bottom, top = band(run, "smallest")
    assert len(bottom) <= MOST_STEPS
    assert (bottom.min(), top.max()) == (-50.0, 70.0)


def test_without_a_spread_the_mean_is_drawn_alone() -> None:
    figure = moments_band(run_of(series("target_mean/train", [1.0, 2.0])), "target", "train")
    assert [t.name for t in figure.data] == ["mean"]
    assert list(figure.data[0].y) == [1.0, 2.0]


def test_steps_that_are_not_finite_are_crosses() -> None:
    figure = moments_band(moments([0.0, np.nan], [1.0, np.nan], [-1.0, -np.inf], [1.0, np.inf]), "input", "model")
    assert figure.data[-1].name == "not finite, from step 10"
    assert set(figure.data[-1].x) == {10}


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, 1e308])
def test_one_step_of_anything_is_drawn(value: float) -> None:
    assert moments_band(moments([value], [value], [value], [value]), "input", "model").data


def test_nothing_recorded_is_said() -> None:
    figure = moments_band(Run(name="e"), "input", "model")
    assert not figure.data
    assert "No input was recorded" in figure.layout.annotations[0].text
