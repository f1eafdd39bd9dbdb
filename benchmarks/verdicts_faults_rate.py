"""Faults of the learning rate, the optimizer and the numbers it works with."""

from __future__ import annotations

from collections.abc import Callable

import torch
import verdicts_data as data
from torch import Tensor, nn, optim
from torch.nn import functional as F
from torch.optim import lr_scheduler
from verdicts_fit import Build, fit, planted, sick
from verdicts_nets import Encoder, Reader, cnn, mlp
from verdicts_program import Training, batches, supervised

ADAM, SGD, MSE = optim.Adam, optim.SGD, nn.MSELoss()
DIGITS, IMAGES, ROWS = data.digits, data.digit_images, data.digit_rows
HIGH = ("learning-rate-too-high", "loss-divergence", "loss-oscillation")
SPIKE = ("loss-spike", "gradient-spike")


class Unsafe(nn.Module):
    """Normalises over the batch without an ε: 0/0 for a unit that is silent."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, D) or (N, C, H, W), unit by unit."""
        return (x - x.mean(dim=0)) / x.std(dim=0)


class Scale(nn.Module):
    """Times 1 + √|w| from some step on, whose derivative at w = 0 is infinite."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(1))
        self.used = False

    def forward(self, x: Tensor) -> Tensor:
        """The value stays the same, the gradient does not."""
        return x * (1 + self.w.abs().sqrt()) if self.used else x


def bad_batch(change: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]], at: int = 180) -> Callable[..., tuple[Tensor, Tensor]]:
    """One batch unlike all others."""
    return lambda number, x, y: change(x, y) if number == at else (x, y)


def loud(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Inputs thirty times too large."""
    return 30 * x, y


def outlier(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """One target is a hundred deviations off."""
    return x, torch.cat([y[:1] + 100, y[1:]])


def fading(factor: float) -> Callable[[optim.Optimizer], lr_scheduler.LRScheduler]:
    """A rate that falls by a factor each step."""
    return lambda o: lr_scheduler.ExponentialLR(o, factor)


def scaled(make: Callable[[], nn.Module], task: Callable[[], data.Data], *, spared: int = 0) -> Build:
    """Mixed precision's loss scale; from the 50th step on, no gradient is finite, or one in `spared`."""

    def build() -> Training:
        scale, source = Scale(), batches(task(), 32)
        model = nn.Sequential(make(), scale)
        optimizer, scaler = optim.SGD(model.parameters(), lr=0.05), torch.amp.GradScaler("cpu")

        def step(number: int) -> Tensor:
            x, y = next(source)
            optimizer.zero_grad()
            scale.used = number >= 50 and not (spared and number % spared == 0)
            loss = F.cross_entropy(model(x), y)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            return loss.detach()

        return Training(model=model, optimizers=[optimizer], step=step, steps=250)

    return build


def half(make: Callable[[], nn.Module], task: Callable[[], data.Data]) -> Build:
    """Weights in bfloat16: a step below 2⁻⁸ of a weight is rounded away."""

    def build() -> Training:
        model = make().to(torch.bfloat16)
        optimizer = optim.SGD(model.parameters(), lr=3e-4)
        return supervised(model, optimizer, task().inputs(lambda x: x.to(torch.bfloat16)), steps=250)

    return build


def rewarded(make: Callable[[], nn.Module], task: Callable[[], data.Data]) -> Build:
    """The penalty on the weights with the wrong sign."""

    def build() -> Training:
        model = make()

        def loss_fn(outputs: Tensor, labels: Tensor) -> Tensor:
            penalty = torch.stack([p.square().sum() for p in model.parameters() if p.dim() > 1]).sum()
            return F.cross_entropy(outputs, labels) - 0.2 * penalty

        return supervised(model, optim.SGD(model.parameters(), lr=0.05), task(), loss_fn, steps=250)

    return build


def log_of_zero(probabilities: Tensor, labels: Tensor) -> Tensor:
    """The cross entropy by hand: a probability that is rounded to zero has an infinite logarithm."""
    return -(probabilities + 0.0).log().gather(1, labels[:, None]).mean()


def silent(net: nn.Sequential) -> None:
    """One unit below the unsafe norm never fires, and the norm stands behind it."""
    net.get_parameter("0.bias").data[0] = -50.0


def _unsafe_mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), Unsafe(), nn.Linear(64, 10))


def _unsafe_cnn() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), Unsafe(), nn.Flatten(), nn.Linear(288, 10))


def _mlp() -> nn.Sequential:
    return mlp(64, 64, 64, 10)


def _lstm() -> nn.Module:
    return Reader(nn.LSTM, 8, 10)


def _encoder() -> nn.Module:
    return Encoder(8, 10)


def _curve_net() -> nn.Module:
    return mlp(4, 64, 1, activation=nn.Tanh)


LOW = ("learning-rate-too-low", "loss-not-decreasing")
FAULTS = (
    sick(HIGH[0], "mlp-sgd", fit(_mlp, SGD, DIGITS, lr=5.0), *HIGH[1:]),
    sick(HIGH[0], "mlp-adam", fit(_mlp, ADAM, DIGITS, lr=0.3), *HIGH[1:]),
    sick(HIGH[0], "cnn-momentum", fit(cnn, SGD, IMAGES, lr=1.0, momentum=0.9), *HIGH[1:]),
    sick(HIGH[0], "cnn-adam", fit(cnn, ADAM, IMAGES, lr=0.3), *HIGH[1:]),
    sick(HIGH[0], "lstm-adam", fit(_lstm, ADAM, ROWS, lr=0.5), *HIGH[1:]),
    sick(HIGH[0], "transformer-adamw", fit(_encoder, optim.AdamW, ROWS, lr=0.2), *HIGH[1:]),
    sick(LOW[0], "mlp-adam", fit(_mlp, ADAM, DIGITS, lr=1e-6, steps=250), LOW[1]),
    sick(LOW[0], "cnn-sgd", fit(cnn, SGD, IMAGES, lr=1e-4, steps=250), LOW[1]),
    sick(LOW[0], "lstm-adam", fit(_lstm, ADAM, ROWS, lr=1e-6, steps=250), LOW[1]),
    sick(LOW[0], "transformer-adamw", fit(_encoder, optim.AdamW, ROWS, lr=1e-6, steps=250), LOW[1]),
    sick("loss-divergence", "mlp-ascent", fit(_mlp, SGD, DIGITS, lr=0.01, maximize=True, steps=250), "weight-explosion"),
    sick("loss-divergence", "cnn-ascent", fit(cnn, ADAM, IMAGES, lr=1e-3, maximize=True, steps=250), "weight-explosion"),
    sick("loss-oscillation", "curve", fit(_curve_net, SGD, data.curve, loss_fn=MSE, batch=1200, lr=0.25, steps=250), *HIGH[:2]),
    sick("loss-oscillation", "mlp", fit(_mlp, SGD, DIGITS, batch=1438, lr=1.2, steps=250), *HIGH[:2]),
    sick("loss-plateau", "mlp", fit(_mlp, SGD, DIGITS, lr=0.1, schedule=fading(0.9), steps=300), *LOW),
    sick("loss-plateau", "transformer", fit(_encoder, ADAM, ROWS, lr=2e-3, schedule=fading(0.93), steps=300), *LOW),
    sick(
        SPIKE[0],
        "curve-outlier",
        fit(lambda: mlp(4, 64, 64, 1), ADAM, data.curve, loss_fn=MSE, lr=2e-3, on_batch=bad_batch(outlier), steps=300),
        SPIKE[1],
    ),
    sick(SPIKE[0], "cnn-loud-batch", fit(cnn, ADAM, IMAGES, lr=2e-3, on_batch=bad_batch(loud), steps=300), SPIKE[1]),
    sick(SPIKE[1], "mlp-loud-batch", fit(_mlp, SGD, DIGITS, lr=0.05, on_batch=bad_batch(loud), steps=300), SPIKE[0]),
    sick(SPIKE[1], "transformer-loud-batch", fit(_encoder, ADAM, ROWS, lr=2e-3, on_batch=bad_batch(loud), steps=300), SPIKE[0]),
    sick("excessive-clipping", "mlp", fit(_mlp, SGD, DIGITS, lr=0.1, clip=1e-3, steps=250), *LOW),
    sick("excessive-clipping", "lstm", fit(_lstm, SGD, ROWS, lr=0.5, clip=1e-3, steps=250), *LOW),
    sick("adam-epsilon-dominance", "mlp", fit(_mlp, ADAM, DIGITS, lr=1e-3, eps=1.0, steps=250), *LOW),
    sick("adam-epsilon-dominance", "transformer", fit(_encoder, optim.AdamW, ROWS, lr=1e-3, eps=1.0, steps=250), *LOW),
    sick("precision-loss", "mlp", half(_mlp, DIGITS), "weights-not-updating", *LOW),
    sick("precision-loss", "cnn", half(cnn, IMAGES), "weights-not-updating", *LOW),
    sick("loss-scale-collapse", "mlp", scaled(_mlp, DIGITS), "non-finite", "weights-not-updating"),
    sick("loss-scale-collapse", "cnn", scaled(cnn, IMAGES, spared=5), "non-finite", "weights-not-updating"),
    sick(
        "stalled-optimizer", "mlp", fit(_mlp, optim.Adagrad, DIGITS, lr=0.01, initial_accumulator_value=100.0, steps=250), *LOW
    ),
    sick("stalled-optimizer", "cnn", fit(cnn, optim.Adagrad, IMAGES, lr=0.02, lr_decay=1.0, steps=250), *LOW),
    sick("excessive-weight-decay", "mlp", fit(_mlp, SGD, DIGITS, lr=0.1, weight_decay=0.3, steps=250)),
    sick("excessive-weight-decay", "cnn", fit(cnn, optim.AdamW, IMAGES, lr=2e-3, weight_decay=20.0, steps=250)),
    sick("weight-explosion", "mlp", rewarded(lambda: mlp(64, 64, 64, 10, activation=nn.Tanh), DIGITS), "loss-divergence"),
    sick("weight-explosion", "cnn", rewarded(cnn, IMAGES), "loss-divergence"),
    sick(
        "non-finite",
        "mlp-log-of-zero",
        fit(lambda: mlp(64, 64, 10, head=nn.Softmax(dim=1)), SGD, lambda: DIGITS(), loss_fn=log_of_zero, lr=0.3, momentum=0.9),
        "learning-rate-too-high",
    ),
    sick("non-finite", "mlp-zero-by-zero", fit(planted(_unsafe_mlp, silent), ADAM, DIGITS, lr=1e-3), modules=("2",)),
    sick("non-finite", "cnn-zero-by-zero", fit(planted(_unsafe_cnn, silent), SGD, IMAGES, lr=0.05), modules=("2",)),
)
