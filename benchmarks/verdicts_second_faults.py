"""The faults of the second set."""

from __future__ import annotations

import verdicts_data as data
from torch import nn, optim
from verdicts_faults_contract import Averaged, Cut, as_column, in_groups, inserted, stored_flat
from verdicts_faults_data import in_blocks, other_scale, padded, raw, shuffled_labels, spoiled
from verdicts_faults_rate import HIGH, LOW, SPIKE, Unsafe, bad_batch, fading, loud
from verdicts_fit import fit, planted, sick
from verdicts_nets import mlp
from verdicts_plant import biased, constant, he, normal, times
from verdicts_second_nets import Dense, Gated, Mixer, Points, Tagger, Vision, waves

NADAM, RADAM, ADAMAX, RMS, SGD, MSE = optim.NAdam, optim.RAdam, optim.Adamax, optim.RMSprop, optim.SGD, nn.MSELoss()
WAVES, PICTURES, ROWS, MOONS, CURVE = data.signals, data.pictures, data.digit_rows, data.moons, data.curve
GROWS = ("exploding-gradient", "poor-weight-init", "activation-scale-drift", "initial-loss")


def _wine() -> data.Data:
    return data.table("wine")


def _tumours() -> data.Data:
    return data.table("breast_cancer")


def _deep(depth: int, activation: type[nn.Module]) -> nn.Sequential:
    return mlp(13, *[32] * depth, 3, activation=activation)


def _elu() -> nn.Sequential:
    return mlp(13, 32, 32, 3, activation=nn.ELU)


def _moon_net() -> nn.Sequential:
    return mlp(2, 32, 32, 2)


def _tagger() -> nn.Module:
    return Tagger(data.text()[1], nn.LSTM)


def _text() -> data.Data:
    return data.text()[0]


def _slow_norm(n: int) -> nn.Module:
    return nn.BatchNorm2d(n, momentum=3e-4)


def _unsafe() -> nn.Sequential:
    return nn.Sequential(nn.Linear(30, 32), nn.ReLU(), Unsafe(), nn.Linear(32, 2))


def _rare() -> data.Data:
    return data.rare(0.015, 0.2)


FAULTS = (
    sick("input-not-normalized", "waves", fit(lambda: waves(norm=False), NADAM, lambda: raw(WAVES(), 200, 3000), lr=1e-3)),
    sick("non-finite-input", "pictures", fit(Dense, RADAM, lambda: spoiled(PICTURES()), lr=2e-3), "non-finite"),
    sick("constant-features", "wine", fit(lambda: mlp(53, 24, 3), ADAMAX, lambda: padded(_wine(), 40), lr=3e-3, batch=16)),
    sick("class-imbalance", "silu", fit(lambda: mlp(16, 24, 2, activation=nn.SiLU), RMS, _rare, lr=5e-4, batch=64, steps=250)),
    sick("data-not-shuffled", "waves", fit(waves, ADAMAX, lambda: in_blocks(WAVES()), lr=3e-3, shuffle=False, steps=250)),
    sick("data-order-repeats", "mixer", fit(Mixer, RADAM, lambda: ROWS().first(480), lr=3e-3, fixed_order=True, steps=250)),
    sick("label-noise", "points", fit(Points, NADAM, lambda: data.noisy(ROWS(), 0.6, 10), lr=4e-3, steps=500), "overfitting"),
    sick("overfitting", "gated", fit(lambda: Gated(4, 1), NADAM, lambda: CURVE().first(60), loss_fn=MSE, lr=1e-2, steps=400)),
    sick("train-eval-gap", "vision", fit(Vision, optim.AdamW, lambda: other_scale(PICTURES(), -4.0, 3.0), lr=1e-3)),
    sick("loss-not-decreasing", "waves", fit(waves, NADAM, WAVES, lr=2e-3, on_batch=shuffled_labels), "label-noise"),
    sick(
        "target-scale",
        "prelu",
        fit(
            lambda: mlp(4, 32, 1, activation=nn.PReLU),
            NADAM,
            lambda: CURVE().targets(lambda y: 3e4 * y),
            loss_fn=MSE,
            lr=2e-3,
            steps=250,
        ),
        "initial-loss",
    ),
    sick(
        "redundant-softmax",
        "wine",
        fit(lambda: mlp(13, 24, 3, activation=nn.ELU, head=nn.Softmax(dim=1)), NADAM, _wine, lr=2e-3, batch=16, steps=250),
    ),
    sick("redundant-softmax", "mixer", fit(lambda: nn.Sequential(Mixer(), nn.Softmax(dim=1)), RADAM, ROWS, lr=2e-3)),
    sick(
        "wrong-loss",
        "tumours",
        fit(
            lambda: mlp(30, 16, 1, head=nn.Sigmoid()),
            RMS,
            lambda: _tumours().targets(as_column),
            loss_fn=nn.BCEWithLogitsLoss(),
            lr=2e-3,
            steps=250,
        ),
        "redundant-softmax",
    ),
    sick(
        "output-range-mismatch",
        "mish",
        fit(
            lambda: mlp(4, 48, 1, activation=nn.Mish, head=nn.Tanh()),
            RADAM,
            lambda: CURVE().targets(lambda y: 4 * y + 3),
            loss_fn=MSE,
            lr=2e-3,
            steps=250,
        ),
        modules=("output", "head"),
    ),
    sick(
        "shape-broadcast",
        "gated",
        fit(lambda: Gated(4, 1), NADAM, lambda: CURVE().targets(stored_flat), loss_fn=MSE, lr=2e-3, steps=250),
    ),
    sick(
        "missing-nonlinearity",
        "moons",
        fit(lambda: mlp(2, 32, 32, 32, 2, activation=nn.Identity), NADAM, MOONS, lr=2e-3, steps=250),
        "underfitting",
    ),
    sick(
        "constant-output",
        "waves",
        fit(inserted(waves, "flatten", Averaged), ADAMAX, WAVES, lr=3e-3),
        "representation-collapse",
        modules=("extra",),
    ),
    sick("gradients-not-zeroed", "waves", fit(waves, RMS, WAVES, lr=1e-3, zero_grad=False, steps=250)),
    sick("gradients-not-zeroed", "tagger", fit(_tagger, NADAM, _text, lr=2e-3, batch=16, zero_grad=False)),
    sick(
        "parameters-not-optimized",
        "mixer",
        in_groups(Mixer, lambda n: None if n.startswith("across") else 2e-3, ROWS),
        modules=("across",),
    ),
    sick(
        "weights-not-updating",
        "points",
        in_groups(Points, lambda n: 0.0 if n.startswith("each") else 2e-3, ROWS),
        "learning-rate-too-low",
        modules=("each",),
    ),
    sick(
        "zero-gradient",
        "waves",
        fit(inserted(waves, "act2", Cut), NADAM, WAVES, lr=2e-3),
        "weights-not-updating",
        modules=("conv1", "conv2", "norm1", "norm2"),
    ),
    sick("wrong-mode", "dense", fit(Dense, SGD, PICTURES, lr=0.05, momentum=0.9, train_mode=False), "batch-norm-stale"),
    sick(
        "batch-norm-small-batch",
        "moons",
        fit(lambda: mlp(2, 32, 32, 2, norm=nn.BatchNorm1d), NADAM, MOONS, lr=2e-3, batch=2, steps=300),
        "batch-size",
        modules=("norm1", "norm2"),
    ),
    sick(
        "batch-norm-stale",
        "dense",
        fit(lambda: Dense(norm=_slow_norm), NADAM, PICTURES, lr=2e-3, steps=250),
        "train-eval-gap",
        modules=("norms",),
    ),
    sick(HIGH[0], "waves-nadam", fit(lambda: waves(norm=False), NADAM, WAVES, lr=0.3), *HIGH[1:]),
    sick(HIGH[0], "moons-rmsprop", fit(_moon_net, RMS, MOONS, lr=0.5), *HIGH[1:]),
    sick(HIGH[0], "vision-sgd", fit(Vision, SGD, PICTURES, lr=3.0, momentum=0.9), *HIGH[1:]),
    sick(LOW[0], "mixer-radam", fit(Mixer, RADAM, ROWS, lr=1e-6), LOW[1]),
    sick(LOW[0], "dense-sgd", fit(Dense, SGD, PICTURES, lr=1e-5), LOW[1]),
    sick(
        "loss-divergence",
        "waves-ascent",
        fit(lambda: waves(norm=False), RMS, WAVES, lr=1e-3, maximize=True),
        "weight-explosion",
    ),
    sick("loss-plateau", "waves", fit(waves, SGD, WAVES, lr=0.01, schedule=fading(0.85), steps=300), *LOW),
    sick(
        SPIKE[0],
        "waves-loud",
        fit(lambda: waves(norm=False), ADAMAX, WAVES, lr=3e-3, on_batch=bad_batch(loud), steps=300),
        SPIKE[1],
    ),
    sick("excessive-clipping", "dense", fit(Dense, SGD, PICTURES, lr=0.05, clip=1e-3), *LOW),
    sick("adam-epsilon-dominance", "mixer", fit(Mixer, RADAM, ROWS, lr=1e-3, eps=1.0, steps=250), *LOW),
    sick(
        "stalled-optimizer",
        "tumours",
        fit(
            lambda: mlp(30, 32, 2, activation=nn.SiLU),
            optim.Adagrad,
            _tumours,
            lr=1e-2,
            initial_accumulator_value=100.0,
            steps=250,
        ),
        *LOW,
    ),
    sick("excessive-weight-decay", "waves", fit(lambda: waves(norm=False), SGD, WAVES, lr=0.1, weight_decay=0.5)),
    sick(
        "non-finite",
        "tumours",
        fit(planted(_unsafe, lambda m: m.get_parameter("0.bias").data[:1].fill_(-50.0)), NADAM, _tumours, lr=1e-3),
        modules=("2",),
    ),
    sick(
        "vanishing-gradient",
        "wine-sigmoid",
        fit(lambda: _deep(7, nn.Sigmoid), SGD, _wine, lr=0.1, batch=16, steps=250),
        modules=("hidden1", "hidden2", "hidden3"),
    ),
    sick(
        "exploding-gradient",
        "wine",
        fit(planted(lambda: _deep(10, nn.LeakyReLU), he(2.5)), RMS, _wine, lr=1e-4, batch=16),
        *GROWS[1:],
    ),
    sick("poor-weight-init", "dense", fit(planted(Dense, normal(2.0)), NADAM, PICTURES, lr=1e-3), *GROWS),
    sick(
        "initial-loss",
        "waves",
        fit(planted(waves, times("head.weight", 40.0)), NADAM, WAVES, lr=1e-3),
        "poor-weight-init",
        modules=("head",),
    ),
    sick(
        "zero-init",
        "wine",
        fit(planted(_elu, constant(0.0)), NADAM, _wine, lr=2e-3, batch=16),
        "symmetric-units",
        "zero-gradient",
        modules=("hidden1", "hidden2"),
    ),
    sick(
        "symmetric-units",
        "wine",
        fit(planted(_elu, constant(0.1)), NADAM, _wine, lr=2e-3, batch=16),
        "zero-init",
        modules=("hidden1", "hidden2"),
    ),
    sick(
        "dead-relu",
        "waves",
        fit(planted(lambda: waves(activation=nn.ReLU, norm=False), biased("conv3", -10.0)), SGD, WAVES, lr=0.02),
        "dead-filters",
        modules=("act3", "conv3"),
    ),
    sick(
        "saturated-activation",
        "waves-tanh",
        fit(planted(lambda: waves(activation=nn.Tanh, norm=False), times("conv1.weight", 60.0)), NADAM, WAVES, lr=1e-3),
        "poor-weight-init",
        "activation-scale-drift",
        modules=("act1", "conv1"),
    ),
    sick(
        "representational-bottleneck",
        "wine",
        fit(lambda: mlp(13, 32, 1, 32, 3, activation=nn.Tanh), NADAM, _wine, lr=2e-3, batch=16, steps=250),
        "underfitting",
        "loss-plateau",
        modules=("hidden2", "act2"),
    ),
    sick(
        "underfitting",
        "linear-square",
        fit(lambda: nn.Linear(4, 1), NADAM, lambda: CURVE().targets(lambda y: y.square()), loss_fn=MSE, lr=1e-2, steps=300),
        "loss-plateau",
    ),
    sick("batch-size", "wine", fit(_elu, SGD, _wine, lr=0.05, batch=1, steps=300), "loss-oscillation"),
)
