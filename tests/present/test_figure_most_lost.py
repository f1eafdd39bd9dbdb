"""The samples the network is furthest from."""

from __future__ import annotations

import numpy as np
import pytest
from present.learned_samples import convolution_run

from torchvitals.present.figures.most_lost import most_lost, most_lost_samples
from torchvitals.present.learned import tensor_at, vector_at


def _lost(count: int = 8):
    run = convolution_run()
    targets, outputs = (tensor_at(run, f"probe_{m}", "model", 40) for m in ("targets", "outputs"))
    return most_lost_samples(vector_at(run, "probe_loss_per_sample", "model", 40), targets, outputs, count)


def test_the_largest_loss_comes_first_with_what_was_said() -> None:
    lost = _lost(3)
    assert lost.sample.tolist() == [7, 23, 22]
    assert lost.loss.tolist() == pytest.approx([9, 1, 22 / 23])
    assert lost.words == ("true 3, said 0", "true 3, said 3", "true 2, said 2")


def test_what_is_not_finite_is_lost_most() -> None:
    lost = most_lost_samples(np.array([1.0, np.nan, 3.0, np.inf]), None, None)
    assert lost.sample.tolist() == [1, 3, 2, 0]
    assert lost.words == ("",) * 4
    assert most_lost_samples(np.array([1.0]), np.array([[2.0]]), np.array([[np.nan, 1.0]])).words == (
        "true 2, said nothing finite",
    )


def test_pictures_stand_in_a_row_with_their_words_below() -> None:
    inputs = tensor_at(convolution_run(), "probe_inputs", "model", 40)
    figure = most_lost(_lost(), inputs)
    np.testing.assert_allclose(figure.data[0].z[:, :8], inputs[7, 0], rtol=1e-6)
    assert figure.layout.xaxis.ticktext[0] == "true 3<br>said 0<br>loss 9"
    assert len(figure.layout.xaxis.ticktext) == 8


def test_tables_are_bars_and_a_loss_that_is_nan_is_a_mark() -> None:
    lost = most_lost_samples(np.array([1.0, np.nan]), None, None)
    bars, bad = most_lost(lost, np.zeros((2, 5))).data
    assert list(bars.y) == ["sample 1", "sample 0"]
    assert list(bars.x) == [0, 1]
    assert (list(bad.y), list(bad.text)) == (["sample 1"], ["  NaN"])


def test_inputs_the_log_does_not_hold_are_bars() -> None:
    assert most_lost(_lost(), np.zeros((5, 1, 8, 8))).data[0].type == "bar"


def test_nothing_recorded_says_so() -> None:
    assert "No loss" in most_lost(most_lost_samples(np.array([]), None, None), None).layout.annotations[0].text
