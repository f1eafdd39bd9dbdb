"""What there is to say of recurrent layers and attention: their signals, and the rules that judge them."""

from __future__ import annotations

from components.signals import Signal, lines
from torchvitals.core.manifest import Manifest

RECURRENT = ("RNN", "LSTM", "GRU")  # also as a part of a class name: LSTMCell, MyGRU
ATTENTIVE = ("Attention", "Transformer")

RECURRENT_SIGNALS: tuple[Signal, ...] = (
    lines(
        "Memory horizon",
        "How much of the sequence the loss still reaches, counted back until the gradient has fallen to 1 %.",
        "memory_horizon_fraction",
        unit="fraction",
    ),
    lines(
        "Memory horizon in time steps",
        "The same, counted in steps of the sequence.",
        "memory_horizon",
        unit="time steps",
    ),
    lines(
        "Forget gate",
        "Mean over units and steps: near 1 lets the gradient through, near 0 forgets.",
        "forget_gate_mean",
        unit="fraction",
    ),
    lines(
        "Spectral norm of recurrent weights",
        "Largest singular value: well below 1 the gradient fades through time, above 1 it may grow.",
        "recurrent_spectral_norm",
        guide=1.0,
    ),
)
ATTENTION_SIGNALS: tuple[Signal, ...] = (
    lines(
        "Attention entropy",
        "100 %: every visible key gets the same weight. Near 0 %: one key gets all of it.",
        "attention_entropy",
        unit="fraction",
    ),
    lines(
        "Largest attention logit",
        "Before the softmax. Logits that grow without end make attention one-hot, and training unstable.",
        "attention_max_logit",
    ),
)
RECURRENT_RULES = ("recurrent-gradient-decay", "recurrent-gradient-growth")
ATTENTION_RULES = ("attention-collapse", "attention-logit-growth")


def kinds(manifest: Manifest | None, named: tuple[str, ...]) -> list[str]:
    """The module classes of the network whose names hold one of the words."""
    if manifest is None:
        return []
    return sorted({m.kind for m in manifest.modules if any(word in m.kind for word in named)})
