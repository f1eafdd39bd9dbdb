"""Attention weights, which fused kernels never form, of an excerpt of one call: a few rows of softmax(q·kᵀ·scale + mask)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from torchvitals.record.precision import without_autocast
from torchvitals.record.sights import AttentionSight

ENTRIES = 4  # of the batch
MERGED = 32  # of the first dimension where batch and heads are one: (N·H, T, D)
ROWS = 64  # queries of each entry and head, and FEW at least as long as there is more than one entry
FEW = 8
LOGITS = 2**19  # of all rows together: more keys or heads leave fewer rows, because a row needs all its keys
HIDDEN = -9000.0  # an additive mask below this hides: −10000, which bfloat16 makes −9984, −1e9, the lowest number, −∞


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows of the attention matrix: n entries of the batch, H heads (1 where they are not apart), r queries, S keys."""

    logits: Tensor  # (n, H, r, S), float32: q·kᵀ·scale, without the mask
    bias: Tensor | None  # additive mask, broadcastable to the logits
    visible: Tensor | None  # bool, broadcastable to the logits; None: every query sees all keys


def attention_rows(sight: AttentionSight) -> Rows | None:
    """Rows spread evenly over the batch and the queries, the last query among them; None where no query has a choice."""
    ndim = max(sight.query.ndim, sight.key.ndim)
    query, key = _four_dims(sight.query, ndim), _four_dims(sight.key, ndim)
    if query.numel() == 0 or key.numel() == 0 or key.shape[2] == 1 or (sight.causal and query.shape[2] == 1):
        return None
    every, rows = _positions(query, key, ENTRIES if ndim > 3 else MERGED)
    query, key = _spread(query, every)[:, :, rows].float(), _spread(key, every).float()
    if key.shape[1] not in (1, query.shape[1]):  # grouped queries: one key head serves several in a row
        key = key.repeat_interleave(query.shape[1] // key.shape[1], dim=1)
    scale = sight.query.shape[-1] ** -0.5 if sight.scale is None else sight.scale
    with without_autocast(query.device):
        # Keys in one piece first: `matmul` would copy them transposed, which doubled the time of the whole measurement.
        logits = torch.matmul(query * scale, key.contiguous().transpose(-2, -1))
    bias = visible = None
    if sight.mask is not None:
        mask = _spread(_four_dims(sight.mask, ndim), every)
        mask = mask[:, :, rows] if mask.shape[2] > 1 else mask
        # Negated, so that NaN stays in sight.
        bias, visible = (None, mask) if mask.dtype == torch.bool else (mask.float(), ~(mask < HIDDEN))
        visible = visible.expand(*visible.shape[:3], key.shape[2])
    if sight.causal:
        lower = _lower(rows, logits)
        visible = lower if visible is None else visible & lower
    return Rows(logits=logits, bias=bias, visible=visible)


def relative_entropies(rows: Rows) -> tuple[Tensor, Tensor]:
    """−Σ a·ln a ÷ ln(visible keys) of every row, (n, H, r) in 0…1, and how many rows count: 1 or 0, same shape.

    A row that sees one key or none has no choice; its entropy is given as 0 and it does not count.
    """
    logits = rows.logits if rows.bias is None else rows.logits + rows.bias
    if rows.visible is not None:
        logits = logits.masked_fill(~rows.visible, -torch.inf)
    log_weights = logits.log_softmax(-1)
    # 0·ln 0 is to be 0, so the logarithm is kept finite; `torch.special.entr` does the same at twice the price.
    entropy = -(log_weights.exp() * log_weights.clamp(min=torch.finfo(torch.float32).min)).sum(-1)
    seen = torch.full_like(entropy, logits.shape[-1])
    if rows.visible is not None:
        seen = rows.visible.sum(-1, dtype=torch.float32).expand_as(entropy)
    counts = seen > 1
    return torch.where(counts, entropy / seen.clamp(min=2).log(), 0.0), counts.float()


def largest_logit(rows: Rows) -> Tensor:
    """Largest |q·kᵀ·scale| over the visible keys, 0-d."""
    size = rows.logits.abs()
    return (size if rows.visible is None else size.masked_fill(~rows.visible, 0.0)).amax()


def _four_dims(x: Tensor, ndim: int) -> Tensor:
    """(N, H, ·, ·) of a tensor that broadcasts against `ndim` dimensions; of more than four, the first of the inner ones."""
    x = x.detach()[(None,) * (ndim - x.ndim)]
    while x.ndim < 4:
        x = x.unsqueeze(-3)
    while x.ndim > 4:
        x = x[:, 0]
    return x


def _spread(x: Tensor, every: int) -> Tensor:
    """Every so many entries of the batch; a batch of one serves all."""
    return x[::every] if x.shape[0] > 1 else x


def _positions(query: Tensor, key: Tensor, limit: int) -> tuple[int, slice]:
    """Stride over the batch, and which queries to look at, so that LOGITS is not exceeded; two queries at least."""
    entries, length = max(query.shape[0], key.shape[0]), query.shape[2]
    row = max(query.shape[1], key.shape[1]) * key.shape[2]  # logits of one query in all heads
    limit = max(1, min(limit, LOGITS // (FEW * row)))
    every = -(-entries // limit) | 1  # odd, so that heads merged with the batch take turns
    chosen = -(-entries // every)
    stride = -(-length // max(2, min(ROWS, LOGITS // (chosen * row))))
    return every, slice((length - 1) % stride, None, stride)


def _lower(rows: slice, logits: Tensor) -> Tensor:
    """The causal mask (r, S): query t sees keys 0…t, also where there are more or fewer keys than queries."""
    queries = torch.arange(logits.shape[2], device=logits.device) * rows.step + rows.start
    keys = torch.arange(logits.shape[3], device=logits.device)
    return torch.le(keys, queries[:, None])
