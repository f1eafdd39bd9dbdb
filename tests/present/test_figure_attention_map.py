"""Where each attention head looks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from present.learned_samples import attention_run

from torchvitals.present.figures.attention_map import attention_map, entropy
from torchvitals.present.learned import tensor_at


def test_each_head_is_a_tile_named_above_with_its_entropy() -> None:
    weights = tensor_at(attention_run(), "attention_values", "layer.self_attn", 0)
    figure = attention_map(weights, 0)
    np.testing.assert_allclose(figure.data[0].z[:5, :5], weights[0, 0])
    assert (figure.data[0].zmin, figure.data[0].zmax) == (0, 1)
    assert list(figure.layout.xaxis.ticktext) == ["head 0", "head 1"]
    assert list(np.array(figure.data[1].text).reshape(-1)) == [
        "head 0<br>mean entropy 0 of 1.61 nats",
        "head 1<br>mean entropy 1.61 of 1.61 nats",
    ]


def test_entropy_is_that_of_shannon() -> None:
    rows = np.random.default_rng(0).dirichlet(np.ones(7), size=9)
    assert entropy(rows) == pytest.approx(float(np.mean([-sum(p * math.log(p) for p in row) for row in rows])))
    assert math.isnan(entropy(np.full((2, 3), np.nan)))


def test_many_heads_stand_in_columns_that_name_them() -> None:
    figure = attention_map(np.full((1, 6, 3, 3), 1 / 3), 0)
    assert list(figure.layout.xaxis.ticktext) == ["heads 0, 4", "heads 1, 5", "head 2", "head 3"]


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_weights_that_are_none_can_be_drawn(value: float) -> None:
    figure = attention_map(np.full((1, 2, 3, 3), value), 0)
    assert figure.to_json()
    assert ("not finite" in [t.name for t in figure.data]) == (not np.isfinite(value))


@pytest.mark.parametrize("weights", [None, np.zeros((2, 2)), np.ones((1, 1, 2, 2))])
def test_what_is_not_there_is_said(weights: np.ndarray | None) -> None:
    assert "No attention" in attention_map(weights, 1).layout.annotations[0].text
