"""Entropy and logits of attention against the whole matrix, formed in plain numpy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from recording import readings
from torch import Tensor

from torchvitals.record import attention_rows as module
from torchvitals.record.attention_rows import attention_rows
from torchvitals.record.instruments.attention import Attention
from torchvitals.record.sights import AttentionSight

N, H, T, S, D = 3, 2, 6, 6, 4


def tensors(*shapes: tuple[int, ...], seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [2 * torch.randn(shape, generator=generator) for shape in shapes]


def sight(
    query: Tensor, key: Tensor, mask: Tensor | None = None, *, causal: bool = False, scale: float | None = None
) -> AttentionSight:
    return AttentionSight(subject="a", query=query, key=key, mask=mask, causal=causal, scale=scale)


def measured(shown: AttentionSight) -> dict[str, Any]:
    with torch.no_grad():
        return readings(list(Attention().measure(shown)))


def by_hand(
    query: Tensor, key: Tensor, mask: Tensor | None = None, *, causal: bool = False, scale: float | None = None
) -> tuple[list[list[float]], float]:
    """Relative entropies of every row that has a choice, head by head, and the largest visible logit; query (N, H, T, D)."""
    q, k = query.double().numpy(), key.double().numpy()
    logits = np.einsum("nhtd,nhsd->nhts", q, k) * (query.shape[-1] ** -0.5 if scale is None else scale)
    visible = np.ones_like(logits, dtype=np.bool_)
    bias = np.zeros_like(logits)
    if mask is not None and mask.dtype == torch.bool:
        visible &= mask.numpy()
    elif mask is not None:
        bias = bias + mask.double().numpy()
        visible &= bias > -9000
    if causal:
        visible &= np.tril(np.ones(logits.shape[-2:], dtype=np.bool_))
    batch, heads, queries = logits.shape[:3]
    places = [(n, t) for n in range(batch) for t in range(queries)]
    rows = [[_row(logits, bias, visible, n, h, t) for n, t in places] for h in range(heads)]
    entropies = [[e for e in row if e is not None] for row in rows]
    return entropies, float(np.abs(logits[visible]).max())


def _row(logits: NDArray[Any], bias: NDArray[Any], visible: NDArray[np.bool_], n: int, h: int, t: int) -> float | None:
    seen = visible[n, h, t]
    if seen.sum() < 2:
        return None
    weights = np.exp((logits + bias)[n, h, t][seen])
    weights /= weights.sum()
    return float(-(weights * np.log(weights)).sum() / math.log(seen.sum()))


def check(query: Tensor, key: Tensor, mask: Tensor | None = None, **options: Any) -> None:
    """Against a matrix of the same four dimensions."""
    entropies, largest = by_hand(query, key, mask, **options)
    assert measured(sight(query, key, mask, **options)) == {
        "attention_entropy/a": pytest.approx(np.mean(np.concatenate(entropies)), rel=1e-4),
        "attention_head_entropy/a": [pytest.approx(np.mean(e), rel=1e-4) for e in entropies],
        "attention_max_logit/a": pytest.approx(largest, rel=1e-4),
    }


@pytest.mark.parametrize("scale", [None, 1.0, 0.1])
@pytest.mark.parametrize("causal", [False, True])
def test_it_is_the_entropy_of_the_softmax(causal: bool, scale: float | None) -> None:
    check(*tensors((N, H, T, D), (N, H, S, D)), causal=causal, scale=scale)


@pytest.mark.parametrize(("queries", "keys"), [(3, 8), (8, 3), (1, 5)])
def test_other_keys_than_queries_are_aligned_at_the_top_left(queries: int, keys: int) -> None:
    query, key = tensors((N, H, queries, D), (N, H, keys, D))
    check(query, key)
    if queries > 1:
        check(query, key, causal=True)
        lower = torch.ones(queries, keys, dtype=torch.bool).tril()
        assert measured(sight(query, key, causal=True)) == measured(sight(query, key, lower))


@pytest.mark.parametrize("shape", [(T, S), (N, 1, 1, S), (N, 1, T, S), (1, H, T, S), (N, H, T, 1), (H, T, S)])
@pytest.mark.parametrize("additive", [False, True])
def test_masks_of_every_shape(shape: tuple[int, ...], additive: bool) -> None:
    query, key = tensors((N, H, T, D), (N, H, S, D))
    (noise,) = tensors(shape, seed=3)
    mask = torch.where(noise > -1, noise, -torch.inf) if additive else noise > -1
    assert 0 < (noise > -1).float().mean().item() < 1
    check(query, key, mask)
    if not additive:
        check(query, key, mask, causal=True)


@pytest.mark.parametrize("hides", [-torch.inf, torch.finfo(torch.float32).min, -1e9, -10_000.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_large_negative_numbers_hide_as_infinity_does(hides: float, dtype: torch.dtype) -> None:
    query, key = tensors((N, H, T, D), (N, H, S, D))
    padded = torch.zeros(N, 1, 1, S)
    padded[1, ..., -2:] = -torch.inf
    low = torch.where(padded < 0, hides, 0.0).to(dtype)
    found, expected = measured(sight(query, key, low)), measured(sight(query, key, padded == 0))
    for tag, value in expected.items():
        assert found[tag] == pytest.approx(value)


def test_rows_that_see_one_key_or_none_do_not_count() -> None:
    query, key = tensors((1, 1, 3, D), (1, 1, 3, D))
    mask = torch.tensor([[True, True, True], [False, True, False], [False, False, False]])
    first = by_hand(query, key)[0][0][0]
    assert measured(sight(query, key, mask))["attention_entropy/a"] == pytest.approx(first, rel=1e-5)


def test_attention_to_everything_is_one_and_to_a_single_key_zero() -> None:
    query, key = torch.zeros(N, H, T, D), torch.randn(N, H, S, D)
    for causal in (False, True):
        assert measured(sight(query, key, causal=causal))["attention_entropy/a"] == pytest.approx(1, abs=1e-6)
    sharp = 100 * torch.eye(T).expand(N, H, T, T)
    found = measured(sight(sharp, sharp))
    assert found["attention_entropy/a"] == pytest.approx(0, abs=1e-6)
    assert found["attention_max_logit/a"] == pytest.approx(10_000 / math.sqrt(T))


def test_several_query_heads_share_a_key_head() -> None:
    query, key = tensors((N, 6, T, D), (N, 2, S, D))
    shared = torch.stack([key[:, h // 3] for h in range(6)], dim=1)
    assert measured(sight(query, key)) == measured(sight(query, shared))
    check(query, shared)
    one = key[:, :1]
    found, expected = measured(sight(query, one)), measured(sight(query, one.expand(-1, 6, -1, -1).clone()))
    assert {tag: pytest.approx(value) for tag, value in expected.items()} == found


def test_one_query_serves_the_whole_batch() -> None:
    query, key = tensors((1, H, T, D), (N, H, S, D))
    check(query.expand(N, -1, -1, -1), key)
    found = measured(sight(query, key))
    assert found["attention_entropy/a"] == pytest.approx(np.mean(np.concatenate(by_hand(query.expand(N, -1, -1, -1), key)[0])))


@pytest.mark.parametrize("lead", [(), (N,), (N, 2, H)])
def test_fewer_and_more_than_four_dimensions(lead: tuple[int, ...]) -> None:
    query, key = tensors((*lead, T, D), (*lead, S, D))
    (mask,) = tensors((*lead, T, S), seed=5)
    found = measured(sight(query, key, mask))
    shown = [x[:, 0] if len(lead) == 3 else x.reshape(max(math.prod(lead), 1), 1, *x.shape[-2:]) for x in (query, key, mask)]
    entropies, largest = by_hand(shown[0], shown[1], shown[2])
    assert found == {
        "attention_entropy/a": pytest.approx(np.mean(np.concatenate(entropies)), rel=1e-4),
        "attention_max_logit/a": pytest.approx(largest, rel=1e-4),
    }


def test_of_much_some_rows_are_looked_at_each_with_all_its_keys() -> None:
    query, key = tensors((9, H, 200, D), (9, H, 150, D))
    rows = attention_rows(sight(query, key, causal=True))
    assert rows is not None
    assert rows.logits.shape == (3, H, 50, 150)  # every third entry, every fourth query, the last one among them
    looked_at = query[::3, :, 3::4]
    assert torch.equal(looked_at[:, :, -1], query[::3, :, -1])
    mask = (torch.arange(150) <= torch.arange(200)[3::4, None]).expand(3, H, -1, -1)
    entropies, largest = by_hand(looked_at, key[::3], mask)
    found = measured(sight(query, key, causal=True))
    assert found["attention_entropy/a"] == pytest.approx(np.mean(np.concatenate(entropies)), rel=1e-4)
    assert found["attention_max_logit/a"] == pytest.approx(largest, rel=1e-4)
    mask_given = torch.ones(200, 150, dtype=torch.bool).tril()
    assert measured(sight(query, key, mask_given)) == found


def test_what_is_formed_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOGITS", 10_000)
    for shape in ((8, 4, 300, D), (64, 4, 20, D), (100, 50, D)):
        query, key = tensors(shape, shape)
        rows = attention_rows(sight(query, key))
        assert rows is not None
        assert rows.logits.numel() <= 10_000
        assert rows.logits.shape[-1] == shape[-2]


def test_heads_that_are_merged_with_the_batch_take_turns() -> None:
    heads = torch.arange(64 * 8) % 8
    query = heads[:, None, None].float().expand(-1, T, 1)
    rows = attention_rows(sight(query, torch.ones(64 * 8, S, 1), scale=1.0))
    assert rows is not None
    assert rows.logits.shape[0] <= module.MERGED
    assert set(rows.logits[:, 0, 0, 0].tolist()) == set(range(8))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_it_is_computed_in_single_precision(dtype: torch.dtype) -> None:
    query, key = (x.to(dtype) for x in tensors((N, H, T, D), (N, H, S, D)))
    expected = measured(sight(query.float(), key.float()))
    assert measured(sight(query, key)) == expected
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert measured(sight(query, key)) == expected
    large = torch.full((1, 1, 2, D), 6e4, dtype=torch.float16)
    assert measured(sight(large, large))["attention_max_logit/a"] == pytest.approx(4 * 6e4**2 / 2, rel=1e-2)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("causal", [False, True])
def test_what_is_not_finite_comes_out_as_nan(value: float, causal: bool) -> None:
    query, key = tensors((N, H, T, D), (N, H, S, D))
    query[0, 1, 3] = value
    found = measured(sight(query, key, causal=causal))
    assert math.isnan(found["attention_entropy/a"])
    assert [math.isnan(v) for v in found["attention_head_entropy/a"]] == [False, True]
    assert not math.isfinite(found["attention_max_logit/a"])


def test_nan_in_a_mask_is_not_taken_for_hidden() -> None:
    query, key = tensors((N, H, T, D), (N, H, S, D))
    mask = torch.zeros(T, S)
    mask[2] = math.nan
    assert math.isnan(measured(sight(query, key, mask))["attention_entropy/a"])


@pytest.mark.parametrize(
    ("shapes", "causal"),
    [
        (((0, H, T, D), (0, H, S, D)), False),
        (((N, H, 0, D), (N, H, S, D)), False),
        (((N, H, T, D), (N, H, 0, D)), False),
        (((N, H, T, D), (N, H, 1, D)), False),
        (((N, H, 1, D), (N, H, S, D)), True),
    ],
)
def test_where_no_row_has_a_choice_nothing_is_yielded(shapes: tuple[tuple[int, ...], ...], causal: bool) -> None:
    query, key = tensors(*shapes)
    assert measured(sight(query, key, causal=causal)) == {}


def test_nothing_shown_is_changed_and_no_random_number_drawn() -> None:
    query, key, mask = tensors((N, H, T, D), (N, H, S, D), (T, S))
    query.requires_grad_()
    before, random = [x.detach().clone() for x in (query, key, mask)], torch.get_rng_state()
    found = list(Attention().measure(sight(query, key, mask)))
    assert all(torch.equal(a, b) for a, b in zip((query, key, mask), before, strict=True))
    assert torch.equal(torch.get_rng_state(), random)
    assert [isinstance(v, Tensor) and not v.requires_grad for _, v in found] == [True] * 3


@pytest.mark.parametrize("mask", [None, torch.bool, torch.float32])
def test_nothing_needs_a_value_on_the_host(mask: torch.dtype | None) -> None:
    # Meta tensors have a shape and no values.
    query, key = torch.empty(N, 4, T, D, device="meta"), torch.empty(N, 2, S, D, device="meta")
    given = None if mask is None else torch.empty(N, 1, T, S, dtype=mask, device="meta")
    found = list(Attention().measure(sight(query, key, given, causal=True)))
    assert [tuple(v.shape) for _, v in found if isinstance(v, Tensor)] == [(), (4,), ()]
