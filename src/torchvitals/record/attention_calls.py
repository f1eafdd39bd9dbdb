"""The queries and keys of attention, wherever they pass: fused kernels never form the weights themselves."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from torchvitals.record.sights import AttentionSight

SAMPLES = 4  # entries of the batch that are projected anew for `nn.MultiheadAttention`
FUSED = F.scaled_dot_product_attention
MULTI_HEAD = F.multi_head_attention_forward
ATTENTION = (FUSED, MULTI_HEAD)
_SIGNATURE = inspect.signature(MULTI_HEAD)


def attention_sight(subject: str, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> AttentionSight | None:
    """What a call of attention attended with; None for another function or a form that cannot be rebuilt."""
    if function is FUSED:
        return _fused(subject, *args, **kwargs)
    if function is MULTI_HEAD:
        return _multi_head(subject, _SIGNATURE.bind(*args, **kwargs).arguments)
    return None


def _fused(
    subject: str,
    query: Tensor,
    key: Tensor,
    value: Tensor | None = None,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    **_: Any,
) -> AttentionSight:
    del value, dropout_p  # named so that positional arguments fall into their places
    return AttentionSight(
        subject=subject,
        query=query.detach(),
        key=key.detach(),
        mask=None if attn_mask is None else attn_mask.detach(),
        causal=is_causal,
        scale=scale,
    )


def _multi_head(subject: str, call: dict[str, Any]) -> AttentionSight | None:
    """Project queries and keys anew, for a few entries of the batch, as `F.multi_head_attention_forward` does.

    Its inputs are (T, N, E) or, without a batch, (T, E).
    """
    if call.get("bias_k") is not None or call.get("static_k") is not None or call.get("add_zero_attn"):
        return None
    query, key, heads = call["query"].detach(), call["key"].detach(), call["num_heads"]
    if query.ndim == 2:
        query, key = query.unsqueeze(1), key.unsqueeze(1)
    query, key = query[:, :SAMPLES], key[:, :SAMPLES]
    weights, biases = _projections(call)
    projected = (F.linear(x.float(), w, b) for x, w, b in zip((query, key), weights, biases, strict=True))
    split = [x.reshape(*x.shape[:2], heads, -1).permute(1, 2, 0, 3) for x in projected]  # (T, N, E) to (N, H, T, D)
    mask = _mask(call, query.shape[1], heads)
    return AttentionSight(subject=subject, query=split[0], key=split[1], mask=mask, causal=False, scale=None)


def _projections(call: dict[str, Any]) -> tuple[list[Tensor], list[Tensor | None]]:
    bias = call.get("in_proj_bias")
    biases = [None, None] if bias is None else list(bias.detach().float().chunk(3)[:2])
    if call.get("use_separate_proj_weight"):
        return [call["q_proj_weight"].detach().float(), call["k_proj_weight"].detach().float()], biases
    return list(call["in_proj_weight"].detach().float().chunk(3)[:2]), biases


def _mask(call: dict[str, Any], samples: int, heads: int) -> Tensor | None:
    """Both masks as one additive mask, broadcastable to (N, H, T, S). Here a true element of a mask means: do not attend."""
    attention, padding = call.get("attn_mask"), call.get("key_padding_mask")
    masks = []
    if attention is not None:
        attention = _additive(attention)
        masks.append(attention.reshape(-1, heads, *attention.shape[1:])[:samples] if attention.ndim == 3 else attention)
    if padding is not None:
        padding = _additive(padding)
        masks.append((padding if padding.ndim == 2 else padding.unsqueeze(0))[:samples, None, None, :])
    return functools.reduce(torch.add, masks) if masks else None


def _additive(mask: Tensor) -> Tensor:
    if mask.dtype != torch.bool:
        return mask.detach().float()
    return torch.zeros(mask.shape, device=mask.device).masked_fill(mask, -torch.inf)
