"""Attention weights against a softmax written by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from torchvitals.explanation.attention_maps import attention_maps, kept
from torchvitals.explanation.sizes import LIMIT_BYTES


def by_hand(attention: nn.MultiheadAttention, x: Tensor, mask: Tensor | None = None) -> Tensor:
    """softmax(q kᵀ / √d) of a batch-first self-attention, (N, heads, T, T)."""
    n, t, width = x.shape
    d = width // attention.num_heads
    q, k, _ = (x @ attention.in_proj_weight.T + attention.in_proj_bias).chunk(3, dim=-1)
    q, k = (z.reshape(n, t, attention.num_heads, d).transpose(1, 2) for z in (q, k))
    logits = q @ k.transpose(-1, -2) / d**0.5
    return (logits if mask is None else logits + mask).softmax(dim=-1).detach()


class Positional(nn.Module):
    """Asks for no weights, by position."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor) -> Any:
        return self.attention(x, x, x, None, False)[0]


def test_a_module_that_was_asked_for_none() -> None:
    torch.manual_seed(0)
    model, x = Positional().eval(), torch.randn(6, 5, 8)
    found = attention_maps(model, x)
    ((tag, weights),) = found.tensors
    assert str(tag) == "attention_values/attention/attention#0"
    assert np.allclose(weights, by_hand(model.attention, x)[:4].numpy(), atol=1e-6)
    assert [str(tag) for tag, _ in found.images] == ["attention_map/attention/attention#0"]
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_inside_a_transformer_that_would_take_the_fast_path(norm_first: bool, masked: bool) -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=norm_first)
    model = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval()
    mask = torch.triu(torch.full((5, 5), -torch.inf), diagonal=1) if masked else None
    x, enabled = torch.randn(3, 5, 8), torch.backends.mha.get_fastpath_enabled()
    found = {str(t): w for t, w in attention_maps(model, (x, mask) if masked else x).tensors}
    assert list(found) == [f"attention_values/layers.{i}.self_attn/attention#0" for i in (0, 1)]
    first = model.layers[0]
    seen = first.norm1(x) if norm_first else x
    assert np.allclose(
        found["attention_values/layers.0.self_attn/attention#0"], by_hand(first.self_attn, seen, mask), atol=1e-6
    )
    assert torch.backends.mha.get_fastpath_enabled() == enabled


def test_many_are_thinned() -> None:
    weights = torch.rand(9, 20, 100, 70)
    found = kept(weights)
    assert found.shape == (4, 8, 45, 45)
    assert found.nbytes <= LIMIT_BYTES
    assert np.array_equal(found[1, -1], weights.numpy()[1, 19, :45, :45])


def test_a_network_without_attention_is_not_run() -> None:
    class Raising(nn.Module):
        def forward(self, _: Tensor) -> Tensor:
            raise AssertionError("it was run")

    assert attention_maps(Raising(), torch.zeros(1)).tensors == ()
