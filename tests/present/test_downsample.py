from __future__ import annotations

import numpy as np
from present.samples import series

from torchvitals.present.downsample import spans_decades, thin


def test_extremes_and_non_finite_values_survive() -> None:
    value = np.sin(np.arange(50_000) / 500)
    value[12_345], value[30_000], value[40_000] = 90.0, np.nan, np.inf
    thinned = thin(series("loss/train", value), 500)
    assert len(thinned) <= 500
    assert {90.0, np.inf} <= set(thinned.value.tolist())
    assert np.isnan(thinned.value).any()
    assert (np.diff(thinned.step) > 0).all()


def test_short_series_come_back_unchanged() -> None:
    short = series("loss/train", [1.0, np.nan])
    assert thin(short) is short


def test_log_axis_needs_positive_values_over_decades() -> None:
    assert spans_decades(np.array([1e-3, np.nan, 1.0]))
    assert not spans_decades(np.array([0.0, 1e-3, 1.0]))
    assert not spans_decades(np.array([1.0, 50.0]))
    assert not spans_decades(np.array([np.nan]))
    assert not spans_decades(np.array([]))
