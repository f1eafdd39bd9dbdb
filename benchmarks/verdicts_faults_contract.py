"""Faults between outputs, loss and targets, and of the loop around them."""

from __future__ import annotations

from collections.abc import Callable

import verdicts_data as data
from torch import Tensor, nn, optim
from torch.nn import functional as F
from verdicts_faults_data import column
from verdicts_fit import Build, fit, planted, sick
from verdicts_nets import Encoder, Reader, cnn, mlp
from verdicts_program import Training, batches, supervised

ADAM, SGD, MSE = optim.Adam, optim.SGD, nn.MSELoss()
DIGITS, IMAGES, ROWS = data.digits, data.digit_images, data.digit_rows


class Cut(nn.Module):
    """A tensor that was taken out of the graph."""

    def forward(self, x: Tensor) -> Tensor:
        """As `torch.tensor(x)` or `.data` would do."""
        return x.detach()


class Averaged(nn.Module):
    """The mean over the batch, where the mean over time was meant."""

    def forward(self, x: Tensor) -> Tensor:
        """All samples become one."""
        return x.mean(dim=0, keepdim=True).expand_as(x)


class Pooled(nn.Module):
    """A CNN whose batch norm sees one value per sample: (N, 1, 8, 8) to (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(1, 16, 3), nn.BatchNorm1d(16), nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Pooled before the norm."""
        return self.head(F.relu(self.norm(self.conv(x).mean(dim=(2, 3)))))


def inserted(make: Callable[[], nn.Sequential], after: str, module: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    """The network with a module more."""

    def made() -> nn.Module:
        net = nn.Sequential()
        for name, child in make().named_children():
            net.add_module(name, child)
            if name == after:
                net.add_module("extra", module())
        return net

    return made


def stored_flat(x: Tensor) -> Tensor:
    """(N, 1) as (N,)."""
    return x[:, 0]


def as_column(y: Tensor) -> Tensor:
    """Class numbers as (N, 1) real numbers."""
    return y.float()[:, None]


def in_groups(make: Callable[[], nn.Module], rule: Callable[[str], float | None], task: Callable[[], data.Data]) -> Build:
    """A learning rate of its own for each parameter by its name; None leaves it out of the optimizer."""

    def build() -> Training:
        model = make()
        rates = [(p, rule(name)) for name, p in model.named_parameters()]
        groups = [{"params": [p], "lr": lr} for p, lr in rates if lr is not None]
        return supervised(model, optim.Adam(groups), task(), steps=250)

    return build


def new_head() -> Training:
    """A head that replaced the one the optimizer knows."""
    model = cnn()
    optimizer = optim.Adam(model.parameters(), lr=2e-3)
    model.head = nn.Linear(64, 10)
    return supervised(model, optimizer, IMAGES(), steps=250)


def siamese(make: Callable[[], nn.Module], task: Callable[[], data.Data]) -> Build:
    """Two noisy views of a sample must agree, and nothing keeps samples apart."""

    def build() -> Training:
        model, source = make(), batches(task(), 64)
        optimizer = optim.Adam(model.parameters(), lr=3e-3)

        def step(_: int) -> Tensor:
            x, _ = next(source)
            optimizer.zero_grad()
            loss = F.mse_loss(model(x + 0.3 * x.roll(1, 0)), model(x - 0.3 * x.roll(1, 0)))
            loss.backward()
            optimizer.step()
            return loss.detach()

        return Training(model=model, optimizers=[optimizer], step=step, steps=250)

    return build


def softmaxed(net: nn.Sequential) -> None:
    """Probabilities out."""
    net.add_module("output", nn.Softmax(dim=1))


def averaging(net: nn.Sequential) -> None:
    """Average pooling, which is linear."""
    net.pool1, net.pool2 = nn.AvgPool2d(2), nn.AvgPool2d(2)


def _mlp() -> nn.Sequential:
    return mlp(64, 64, 64, 10)


def _softmax_encoder() -> nn.Module:
    return nn.Sequential(Encoder(8, 10), nn.Softmax(dim=1))


def _flat_curve() -> data.Data:
    return data.curve().targets(stored_flat)


def _itself() -> data.Data:
    return data.to_themselves(DIGITS())


USUAL = {"lr": 1e-3, "steps": 250}
FAULTS = (
    sick("redundant-softmax", "mlp", fit(lambda: mlp(64, 64, 10, head=nn.Softmax(dim=1)), ADAM, DIGITS, **USUAL)),
    sick("redundant-softmax", "cnn", fit(planted(cnn, softmaxed), SGD, IMAGES, lr=0.05, steps=250)),
    sick("redundant-softmax", "transformer", fit(_softmax_encoder, ADAM, ROWS, **USUAL)),
    sick(
        "wrong-loss",
        "mlp-labels-as-numbers",
        fit(lambda: mlp(64, 64, 1), ADAM, lambda: DIGITS().targets(as_column), loss_fn=MSE, **USUAL),
    ),
    sick(
        "wrong-loss",
        "cnn-one-unit-softmax",
        fit(lambda: cnn(classes=1), ADAM, lambda: IMAGES().targets(lambda y: (y % 2).float()[:, None]), **USUAL),
        "zero-gradient",
        "constant-output",
        "weights-not-updating",
    ),
    sick(
        "output-range-mismatch",
        "autoencoder",
        fit(lambda: mlp(64, 32, 64, head=nn.Sigmoid()), ADAM, _itself, loss_fn=MSE, **USUAL),
        modules=("output", "head"),
    ),
    sick(
        "output-range-mismatch",
        "curve",
        fit(lambda: mlp(4, 64, 64, 1, head=nn.ReLU()), ADAM, data.curve, loss_fn=MSE, **USUAL),
        modules=("output", "head"),
    ),
    sick("shape-broadcast", "mlp", fit(lambda: mlp(4, 64, 64, 1), ADAM, _flat_curve, loss_fn=MSE, **USUAL)),
    sick(
        "shape-broadcast",
        "gru",
        fit(lambda: Reader(nn.GRU, 8, 1), ADAM, lambda: column(ROWS()).targets(stored_flat), loss_fn=MSE, **USUAL),
    ),
    sick(
        "missing-nonlinearity",
        "mlp",
        fit(lambda: mlp(4, 64, 64, 1, activation=nn.Identity), ADAM, data.curve, loss_fn=MSE, **USUAL),
        "underfitting",
    ),
    sick("missing-nonlinearity", "cnn", fit(planted(lambda: cnn(activation=nn.Identity), averaging), ADAM, IMAGES, **USUAL)),
    sick(
        "constant-output",
        "mlp",
        fit(inserted(_mlp, "act2", Averaged), ADAM, DIGITS, **USUAL),
        "representation-collapse",
        modules=("extra",),
    ),
    sick(
        "constant-output",
        "gru",
        fit(lambda: nn.Sequential(Averaged(), Reader(nn.GRU, 8, 10)), ADAM, ROWS, **USUAL),
        "representation-collapse",
        modules=("0",),
    ),
    sick("representation-collapse", "mlp", siamese(lambda: mlp(64, 64, 16), DIGITS), "constant-output"),
    sick("representation-collapse", "cnn", siamese(lambda: cnn(classes=16), IMAGES), "constant-output"),
    sick("gradients-not-zeroed", "mlp", fit(_mlp, ADAM, DIGITS, zero_grad=False, **USUAL)),
    sick("gradients-not-zeroed", "cnn", fit(cnn, SGD, IMAGES, zero_grad=False, lr=0.01, steps=250)),
    sick("gradients-not-zeroed", "transformer", fit(lambda: Encoder(8, 10), optim.AdamW, ROWS, zero_grad=False, **USUAL)),
    sick(
        "parameters-not-optimized",
        "mlp",
        in_groups(_mlp, lambda n: None if n.startswith("hidden2") else 1e-3, DIGITS),
        modules=("hidden2",),
    ),
    sick("parameters-not-optimized", "cnn-new-head", new_head, modules=("head",)),
    sick(
        "parameters-not-optimized",
        "lstm",
        in_groups(lambda: Reader(nn.LSTM, 8, 10), lambda n: 3e-3 if n.startswith("head") else None, ROWS),
        modules=("rnn",),
    ),
    sick(
        "weights-not-updating",
        "mlp",
        in_groups(_mlp, lambda n: 0.0 if n.startswith("hidden1") else 1e-3, DIGITS),
        "learning-rate-too-low",
        modules=("hidden1",),
    ),
    sick(
        "weights-not-updating",
        "gru",
        in_groups(lambda: Reader(nn.GRU, 8, 10), lambda n: 0.0 if n.startswith("rnn") else 3e-3, ROWS),
        "learning-rate-too-low",
        modules=("rnn",),
    ),
    sick(
        "zero-gradient",
        "mlp-detached",
        fit(inserted(_mlp, "act2", Cut), SGD, DIGITS, lr=0.05, steps=250),
        "weights-not-updating",
        modules=("hidden1", "hidden2"),
    ),
    sick(
        "zero-gradient",
        "cnn-detached",
        fit(inserted(cnn, "pool1", Cut), ADAM, IMAGES, **USUAL),
        "weights-not-updating",
        modules=("conv1",),
    ),
    sick(
        "wrong-mode",
        "mlp-dropout",
        fit(lambda: mlp(64, 128, 128, 10, dropout=0.5), ADAM, DIGITS, train_mode=False, **USUAL),
    ),
    sick(
        "wrong-mode",
        "cnn-batch-norm",
        fit(lambda: cnn(norm=True), SGD, IMAGES, lr=0.05, train_mode=False, steps=250),
        "batch-norm-stale",
    ),
    sick(
        "batch-norm-small-batch",
        "mlp",
        fit(lambda: mlp(64, 64, 64, 10, norm=nn.BatchNorm1d), SGD, DIGITS, batch=2, lr=0.01, steps=250),
        "batch-size",
        modules=("norm1", "norm2"),
    ),
    sick("batch-norm-small-batch", "cnn-pooled", fit(Pooled, ADAM, IMAGES, batch=2, **USUAL), "batch-size", modules=("norm",)),
    sick(
        "batch-norm-stale",
        "mlp",
        fit(lambda: mlp(64, 64, 64, 10, norm=lambda n: nn.BatchNorm1d(n, momentum=1e-4)), ADAM, DIGITS, **USUAL),
        "train-eval-gap",
        modules=("norm1", "norm2"),
    ),
    sick(
        "batch-norm-stale",
        "cnn",
        fit(planted(lambda: cnn(norm=True), lambda m: _slow(m)), SGD, IMAGES, lr=0.05, steps=250),
        "train-eval-gap",
        modules=("norm1", "norm2"),
    ),
    sick("batch-size", "mlp", fit(_mlp, SGD, DIGITS, batch=1, lr=0.03, steps=300), "loss-oscillation"),
    sick("batch-size", "cnn", fit(cnn, ADAM, IMAGES, batch=1, lr=3e-3, steps=300), "loss-oscillation"),
    sick(
        "underfitting",
        "linear-curve",
        fit(lambda: nn.Linear(4, 1), ADAM, data.curve, loss_fn=MSE, lr=1e-2, steps=300),
        "loss-plateau",
    ),
    sick(
        "underfitting",
        "one-pixel-segmentation",
        fit(lambda: nn.Conv2d(1, 1, 1), ADAM, data.circles, loss_fn=nn.BCEWithLogitsLoss(), lr=2e-2, steps=250),
        "loss-plateau",
    ),
)


def _slow(net: nn.Sequential) -> None:
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1e-4
