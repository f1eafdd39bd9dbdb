"""Faults of the data and of what is made of them: inputs, labels, order, generalisation."""

from __future__ import annotations

from dataclasses import replace

import torch
import verdicts_data as data
from torch import Tensor, nn, optim
from verdicts_fit import fit, sick
from verdicts_nets import Encoder, Reader, cnn, mlp
from verdicts_program import Data

ADAM, SGD = optim.Adam, optim.SGD


def _mlp() -> nn.Module:
    return mlp(64, 64, 64, 10)


def _lstm() -> nn.Module:
    return Reader(nn.LSTM, 8, 10)


def _gru() -> nn.Module:
    return Reader(nn.GRU, 8, 10)


def raw(task: Data, scale: float, offset: float) -> Data:
    """As it comes from a sensor."""
    return task.inputs(lambda x: x * scale + offset)


def spoiled(task: Data) -> Data:
    """One sample in a hundred has a missing value."""
    x = task.x.clone()
    x.flatten(1)[::100, 3] = torch.nan
    return replace(task, x=x)


def padded(task: Data, columns: int) -> Data:
    """Constant columns beside the real ones."""
    return task.inputs(lambda x: torch.cat([x, torch.full((*x.shape[:-1], columns), 0.5)], dim=-1))


def few_eights(task: Data) -> Data:
    """Eight or not; of the eights, one in eight is there: about one sample in seventy."""
    keep = (task.y != 8) | (torch.arange(len(task.y)) % 8 == 0)
    return replace(task, x=task.x[keep], y=task.y[keep]).targets(lambda y: (y == 8).long())


def other_scale(task: Data, factor: float, offset: float) -> Data:
    """The validation set was normalised in another way."""
    return replace(task, val_x=task.val_x * factor + offset)


def shuffled_labels(_: int, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Labels of other samples: there is nothing to learn."""
    return x, y[torch.randperm(len(y))]


def in_blocks(task: Data) -> Data:
    """Class by class."""
    return task.sorted()


def column(task: Data) -> Data:
    """A linear function of a sequence's mean, as a number (N, 1)."""
    return replace(task, y=task.x.mean(dim=(1, 2))[:, None] * 5, val_y=task.val_x.mean(dim=(1, 2))[:, None] * 5)


MSE = nn.MSELoss()
DIGITS, IMAGES, ROWS = data.digits, data.digit_images, data.digit_rows
RAW, ONE = {"lr": 1e-3, "steps": 250}, {"lr": 3e-3, "steps": 250}
FAULTS = (
    sick("input-not-normalized", "mlp", fit(_mlp, SGD, lambda: raw(DIGITS(), 255, 1000), lr=0.01)),
    sick("input-not-normalized", "cnn", fit(cnn, ADAM, lambda: raw(IMAGES(), 100, 500), **RAW)),
    sick("input-not-normalized", "lstm", fit(_lstm, ADAM, lambda: raw(ROWS(), 300, 1000), **RAW)),
    sick("non-finite-input", "mlp", fit(_mlp, ADAM, lambda: spoiled(DIGITS()), lr=1e-3), "non-finite"),
    sick("non-finite-input", "cnn", fit(cnn, SGD, lambda: spoiled(IMAGES()), lr=0.05), "non-finite"),
    sick("non-finite-input", "gru", fit(_gru, ADAM, lambda: spoiled(ROWS()), lr=3e-3), "non-finite"),
    sick("constant-features", "mlp", fit(lambda: mlp(224, 64, 10), ADAM, lambda: padded(DIGITS(), 160), lr=1e-3)),
    sick("constant-features", "gru", fit(lambda: Reader(nn.GRU, 40, 10), ADAM, lambda: padded(ROWS(), 32), lr=3e-3, steps=250)),
    sick(
        "class-imbalance",
        "mlp",
        fit(lambda: mlp(16, 32, 2), ADAM, lambda: data.rare(0.02, 0.25), lr=1e-3, batch=64, steps=250),
    ),
    sick("class-imbalance", "cnn", fit(lambda: cnn(classes=2), SGD, lambda: few_eights(IMAGES()), lr=0.01, steps=250)),
    sick("data-not-shuffled", "mlp", fit(_mlp, SGD, lambda: in_blocks(DIGITS()), lr=0.05, shuffle=False, steps=250)),
    sick("data-not-shuffled", "cnn", fit(cnn, ADAM, lambda: in_blocks(IMAGES()), lr=2e-3, shuffle=False, steps=250)),
    sick("data-not-shuffled", "gru", fit(_gru, ADAM, lambda: in_blocks(ROWS()), lr=3e-3, shuffle=False, steps=250)),
    sick("data-order-repeats", "mlp", fit(_mlp, SGD, lambda: DIGITS().first(512), lr=0.05, fixed_order=True, steps=250)),
    sick("data-order-repeats", "lstm", fit(_lstm, ADAM, lambda: ROWS().first(512), lr=5e-3, fixed_order=True, steps=250)),
    sick(
        "label-noise",
        "mlp",
        fit(lambda: mlp(64, 256, 256, 10), ADAM, lambda: data.noisy(DIGITS(), 0.6, 10), lr=2e-3, steps=500),
        "overfitting",
    ),
    sick(
        "label-noise",
        "cnn",
        fit(lambda: cnn(width=24), ADAM, lambda: data.noisy(IMAGES(), 0.6, 10), lr=3e-3, steps=500),
        "overfitting",
    ),
    sick(
        "overfitting",
        "regression",
        fit(lambda: mlp(10, 128, 128, 1), ADAM, lambda: data.table("diabetes").first(80), loss_fn=MSE, lr=3e-3, steps=350),
    ),
    sick(
        "overfitting",
        "lstm",
        fit(_lstm, ADAM, lambda: data.noisy(ROWS(), 0.4, 10).first(120), lr=1e-2, steps=350),
        "label-noise",
    ),
    sick(
        "overfitting",
        "transformer",
        fit(lambda: Encoder(8, 10, dropout=0.0), ADAM, lambda: data.noisy(ROWS(), 0.4, 10).first(120), lr=2e-3, steps=300),
        "label-noise",
    ),
    sick("train-eval-gap", "mlp", fit(_mlp, ADAM, lambda: other_scale(DIGITS(), 1.0, 4.0), lr=1e-3, steps=250)),
    sick("train-eval-gap", "cnn", fit(cnn, ADAM, lambda: other_scale(IMAGES(), 8.0, 8.0), **ONE)),
    sick(
        "loss-not-decreasing",
        "mlp-no-relation",
        fit(_mlp, ADAM, DIGITS, lr=1e-3, on_batch=shuffled_labels, steps=250),
        "label-noise",
    ),
    sick(
        "loss-not-decreasing",
        "gru-no-relation",
        fit(_gru, ADAM, ROWS, lr=3e-3, on_batch=shuffled_labels, steps=250),
        "label-noise",
    ),
    sick(
        "target-scale",
        "mlp",
        fit(lambda: mlp(4, 64, 64, 1), ADAM, lambda: data.curve().targets(lambda y: 1e4 * y + 5e4), loss_fn=MSE, **RAW),
        "initial-loss",
    ),
    sick(
        "target-scale",
        "lstm",
        fit(
            lambda: Reader(nn.LSTM, 8, 1),
            ADAM,
            lambda: column(ROWS()).targets(lambda y: 1e3 * y + 5e3),
            loss_fn=MSE,
            **RAW,
        ),
        "initial-loss",
    ),
)
