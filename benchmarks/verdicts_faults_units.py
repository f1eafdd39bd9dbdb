"""Faults of units, filters, attention and recurrence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import verdicts_data as data
from torch import nn, optim
from verdicts_fit import Build, fit, planted, sick
from verdicts_nets import Characters, Encoder, Reader, UNet, cnn, mlp
from verdicts_plant import Change, biased, empty_filters, forgetful, orthogonal, sharp, times, twins
from verdicts_program import Training, supervised


def recurrent(kind: Callable[..., nn.RNNBase], change: Change, **options: object) -> Callable[[], nn.Module]:
    """A recurrent net for the memory task, after a change of its recurrent weights."""
    return planted(lambda: Reader(kind, 5, data.RECALL_CLASSES, **options), change)


def hasty_attention(make: Callable[[], nn.Module], task: Callable[[], data.Data], lr: float, **options: Any) -> Build:
    """The attention's projections learn far faster than the rest."""

    def build() -> Training:
        model = make()
        named = dict(model.named_parameters())
        fast = [p for n, p in named.items() if "in_proj" in n or "qkv" in n]
        rest = [p for p in model.parameters() if not any(p is f for f in fast)]
        optimizer = optim.Adam([{"params": rest, "lr": 1e-3}, {"params": fast, "lr": lr}])
        return supervised(model, optimizer, task(), steps=200, **options)

    return build


def _itself() -> data.Data:
    return data.to_themselves(DIGITS())


def _texts() -> data.Data:
    return data.text()[0]


def _characters() -> nn.Module:
    return Characters(data.text()[1])


def _mlp(depth: int, activation: Callable[[], nn.Module] = nn.ReLU) -> nn.Sequential:
    return mlp(64, *[64] * depth, 10, activation=activation)


ADAM, SGD, MSE = optim.Adam, optim.SGD, nn.MSELoss()
DIGITS, IMAGES, ROWS = data.digits, data.digit_images, data.digit_rows
RNN, LSTM, RECALL = nn.RNN, nn.LSTM, data.recall
SOME = {"lr": 1e-3, "steps": 250}
BAD_INIT = ("poor-weight-init", "activation-scale-drift")
ATTENTION = ("attention-collapse", "attention-logit-growth")
PROJECTIONS = ("encoder.layers.0.self_attn", "encoder.layers.1.self_attn")
BLOCKS = ("blocks.0", "blocks.1")
UNITS = (
    sick(
        "dead-relu",
        "mlp",
        fit(planted(lambda: _mlp(3), biased("hidden2", -8.0)), SGD, DIGITS, lr=0.05, steps=250),
        modules=("act2", "hidden2"),
    ),
    sick(
        "dead-relu",
        "cnn",
        fit(planted(cnn, biased("conv2", -8.0, 0.95)), SGD, IMAGES, lr=0.05, steps=250),
        "dead-filters",
        modules=("act2", "conv2"),
    ),
    sick(
        "dead-relu",
        "autoencoder",
        fit(planted(lambda: mlp(64, 48, 12, 48, 64), biased("hidden1", -12.0, 0.97)), ADAM, _itself, loss_fn=MSE, **SOME),
        modules=("act1", "hidden1"),
    ),
    sick(
        "saturated-activation",
        "mlp-tanh",
        fit(planted(lambda: _mlp(3, nn.Tanh), times("hidden2.weight", 60.0)), SGD, DIGITS, lr=0.02),
        *BAD_INIT,
        modules=("act2", "hidden2"),
    ),
    sick(
        "saturated-activation",
        "cnn-tanh",
        fit(planted(lambda: cnn(activation=nn.Tanh), times("conv1.weight", 60.0)), ADAM, IMAGES, **SOME),
        *BAD_INIT,
        modules=("act1", "conv1"),
    ),
    sick(
        "saturated-activation",
        "mlp-sigmoid",
        fit(planted(lambda: _mlp(2, nn.Sigmoid), times("hidden1.weight", 40.0)), SGD, DIGITS, lr=0.1),
        *BAD_INIT,
        modules=("act1", "hidden1"),
    ),
    sick(
        "representational-bottleneck",
        "mlp",
        fit(lambda: mlp(64, 64, 1, 64, 10), ADAM, DIGITS, lr=3e-3, steps=350),
        "underfitting",
        "loss-plateau",
        modules=("hidden2", "act2"),
    ),
    sick(
        "representational-bottleneck",
        "autoencoder",
        fit(lambda: mlp(64, 48, 1, 48, 64, activation=nn.Tanh), ADAM, _itself, loss_fn=MSE, lr=3e-3, steps=300),
        "underfitting",
        "loss-plateau",
        modules=("hidden2", "act2"),
    ),
    sick(
        "dead-filters",
        "cnn",
        fit(planted(lambda: cnn(width=16), empty_filters("conv1", 0.7)), ADAM, IMAGES, **SOME),
        "dead-relu",
        modules=("conv1", "act1"),
    ),
    sick(
        "dead-filters",
        "u-net",
        fit(
            planted(lambda: UNet(16), empty_filters("down2.0", 0.7)),
            ADAM,
            data.circles,
            loss_fn=nn.BCEWithLogitsLoss(),
            lr=2e-3,
            batch=16,
        ),
        "dead-relu",
        modules=("down2.0", "down2.1"),
    ),
    sick(
        "duplicate-filters",
        "cnn",
        fit(planted(lambda: cnn(width=16), twins("conv1", "conv2")), ADAM, IMAGES, **SOME),
        "symmetric-units",
        modules=("conv1",),
    ),
    sick(
        "duplicate-filters",
        "u-net",
        fit(
            planted(lambda: UNet(16), twins("merge.0", "head")),
            ADAM,
            data.circles,
            loss_fn=nn.BCEWithLogitsLoss(),
            lr=2e-3,
            batch=16,
        ),
        "symmetric-units",
        modules=("merge.0",),
    ),
)
SEQUENCES = (
    sick(
        ATTENTION[0],
        "transformer",
        fit(planted(lambda: Encoder(8, 10), sharp(12.0)), ADAM, ROWS, **SOME),
        *ATTENTION[1:],
        modules=PROJECTIONS,
    ),
    sick(
        ATTENTION[0],
        "language-model",
        fit(planted(_characters, sharp(12.0)), ADAM, _texts, lr=1e-3, batch=16),
        *ATTENTION[1:],
        modules=BLOCKS,
    ),
    sick(
        ATTENTION[1],
        "transformer",
        hasty_attention(lambda: Encoder(8, 10), ROWS, 0.1),
        ATTENTION[0],
        "learning-rate-too-high",
        modules=PROJECTIONS,
    ),
    sick(
        ATTENTION[1],
        "language-model",
        hasty_attention(_characters, _texts, 0.1, batch=16),
        ATTENTION[0],
        "learning-rate-too-high",
        modules=BLOCKS,
    ),
    sick(
        "recurrent-gradient-decay",
        "rnn",
        fit(recurrent(RNN, orthogonal(0.3)), ADAM, RECALL, lr=2e-3, steps=300),
        "vanishing-gradient",
        modules=("rnn",),
    ),
    sick(
        "recurrent-gradient-decay",
        "lstm",
        fit(recurrent(LSTM, forgetful), ADAM, RECALL, lr=2e-3, steps=300),
        "vanishing-gradient",
        modules=("rnn",),
    ),
    sick(
        "recurrent-gradient-growth",
        "rnn-relu",
        fit(recurrent(RNN, orthogonal(1.4), nonlinearity="relu"), SGD, RECALL, lr=1e-3, steps=250),
        "exploding-gradient",
        "gradient-spike",
        modules=("rnn",),
    ),
    sick(
        "recurrent-gradient-growth",
        "rnn-tanh",
        fit(recurrent(RNN, orthogonal(3.0)), ADAM, RECALL, **SOME),
        "exploding-gradient",
        "gradient-spike",
        modules=("rnn",),
    ),
)
FAULTS = UNITS + SEQUENCES
