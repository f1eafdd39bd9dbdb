"""Faults of initialisation and depth."""

from __future__ import annotations

from collections.abc import Callable

import torch
import verdicts_data as data
from torch import Tensor, nn, optim
from torch.nn import functional as F
from verdicts_fit import fit, planted, sick
from verdicts_nets import Encoder, cnn, mlp
from verdicts_plant import Change, constant, he, normal, times


class SigmoidConvs(nn.Module):
    """Six convolutions with sigmoids."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(1 if i == 0 else 8, 8, 3, padding=1) for i in range(6))
        self.head = nn.Linear(8 * 64, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Nothing is pooled."""
        for conv in self.convs:
            x = torch.sigmoid(conv(x))
        return self.head(x.flatten(1))


def _mlp(depth: int = 2, activation: Callable[[], nn.Module] = nn.ReLU, width: int = 64) -> nn.Sequential:
    return mlp(64, *[width] * depth, 10, activation=activation)


def _deep(depth: int, activation: Callable[[], nn.Module], change: Change) -> Callable[[], nn.Module]:
    return planted(lambda: _mlp(depth, activation), change)


def _as_made(_: nn.Module) -> None:
    """PyTorch's own initialisation."""


class Stack(nn.Module):
    """Twelve residual blocks without a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Linear(64, 64), nn.Linear(64, 10)
        self.blocks = nn.ModuleList(nn.Linear(64, 64) for _ in range(12))

    def forward(self, x: Tensor) -> Tensor:
        """Doubled in each block if the weights are large."""
        x = self.stem(x)
        for block in self.blocks:
            x = x + F.relu(block(x))
        return self.head(x)


ADAM, SGD = optim.Adam, optim.SGD
DIGITS, IMAGES, ROWS = data.digits, data.digit_images, data.digit_rows
FIRST = ("hidden1", "hidden2", "hidden3")
BAD_INIT = ("poor-weight-init", "activation-scale-drift")
GROWS = ("exploding-gradient", *BAD_INIT, "initial-loss")
FADES = ("vanishing-gradient", *BAD_INIT)
SAME = ("symmetric-units", "zero-init")
SOME = {"lr": 1e-3, "steps": 250}
FAULTS = (
    sick(FADES[0], "mlp-sigmoid", fit(_deep(8, nn.Sigmoid, _as_made), SGD, DIGITS, lr=0.1, steps=250), modules=FIRST),
    sick(
        FADES[0],
        "mlp-tanh-small",
        fit(_deep(8, nn.Tanh, normal(0.03)), SGD, DIGITS, lr=0.1, steps=250),
        *BAD_INIT,
        modules=FIRST,
    ),
    sick(FADES[0], "cnn-sigmoid", fit(SigmoidConvs, SGD, IMAGES, lr=0.1), modules=("convs.0", "convs.1", "convs.2")),
    sick(GROWS[0], "mlp", fit(_deep(10, nn.ReLU, he(2.5)), SGD, DIGITS, lr=1e-3), *GROWS[1:]),
    sick(GROWS[0], "residual-without-norm", fit(planted(Stack, he(1.7)), ADAM, DIGITS, lr=1e-3), *GROWS[1:]),
    sick("activation-scale-drift", "mlp-shrinks", fit(_deep(8, nn.ReLU, he(0.3)), ADAM, DIGITS, **SOME), *FADES[:2]),
    sick("activation-scale-drift", "residual-grows", fit(planted(Stack, he(1.4)), SGD, DIGITS, lr=1e-4), *GROWS),
    sick("poor-weight-init", "mlp", fit(planted(lambda: _mlp(2, width=256), normal(1.0)), ADAM, DIGITS, **SOME), *GROWS),
    sick("poor-weight-init", "cnn", fit(planted(cnn, normal(1.0)), ADAM, IMAGES, **SOME), *GROWS),
    sick(
        "zero-init",
        "mlp",
        fit(_deep(2, nn.ReLU, constant(0.0)), SGD, DIGITS, lr=0.05),
        "symmetric-units",
        "zero-gradient",
        modules=("hidden1", "hidden2", "head"),
    ),
    sick(
        "zero-init",
        "cnn",
        fit(planted(cnn, constant(0.0)), ADAM, IMAGES, **SOME),
        "symmetric-units",
        "zero-gradient",
        modules=("conv1", "conv2", "head"),
    ),
    sick(
        SAME[0],
        "mlp",
        fit(_deep(2, nn.Tanh, constant(0.05)), ADAM, DIGITS, **SOME),
        "zero-init",
        modules=("hidden1", "hidden2"),
    ),
    sick(
        SAME[0],
        "cnn",
        fit(planted(cnn, constant(0.1)), SGD, IMAGES, lr=0.02, steps=250),
        "zero-init",
        "duplicate-filters",
        modules=("conv1", "conv2"),
    ),
    sick(
        "initial-loss",
        "mlp",
        fit(planted(_mlp, times("head.weight", 60.0)), ADAM, DIGITS, **SOME),
        "poor-weight-init",
        modules=("head",),
    ),
    sick(
        "initial-loss",
        "transformer",
        fit(planted(lambda: Encoder(8, 10), times("head.weight", 60.0)), ADAM, ROWS, **SOME),
        "poor-weight-init",
        modules=("head",),
    ),
)
