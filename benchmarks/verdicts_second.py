"""The second set: other networks, other data, other optimizers. No threshold is chosen by looking at it."""

from __future__ import annotations

from dataclasses import replace

import torch
import verdicts_data as data
from torch import Tensor, nn, optim
from torch.nn import functional as F
from torch.optim import lr_scheduler
from verdicts_fit import fit
from verdicts_nets import mlp
from verdicts_program import Program, Training, batches
from verdicts_second_faults import FAULTS
from verdicts_second_nets import Dense, Gated, Mixer, Points, Tagger, Vision, separable, waves

NADAM, RADAM, ADAMAX, ADADELTA = optim.NAdam, optim.RAdam, optim.Adamax, optim.Adadelta


def _wine() -> nn.Module:
    return mlp(13, 24, 24, 3, activation=nn.ELU)


def _tumours() -> nn.Module:
    return mlp(30, 32, 2, activation=nn.SiLU)


def _moons() -> nn.Module:
    return mlp(2, 24, 24, 24, 2, activation=lambda: nn.LeakyReLU(0.1))


def _tagger() -> nn.Module:
    return Tagger(data.text()[1])


def _text() -> data.Data:
    return data.text()[0]


def one_cycle(steps: int) -> lr_scheduler.OneCycleLR:
    """Up and down once, to a hundredth of a thousandth."""
    return lambda o: lr_scheduler.OneCycleLR(o, max_lr=0.1, total_steps=steps)  # type: ignore[return-value]


def denoising() -> Training:
    """A toy diffusion model: the noise in a blurred moon is predicted."""
    model, source = mlp(3, 64, 64, 2, activation=nn.SiLU), batches(data.moons(), 128)
    optimizer = optim.Adam(model.parameters(), lr=2e-3)

    def step(_: int) -> Tensor:
        x, _ = next(source)
        t, noise = torch.rand(len(x), 1), torch.randn_like(x)
        guess = model(torch.cat([(1 - t).sqrt() * x + t.sqrt() * noise, t], dim=1))
        optimizer.zero_grad()
        loss = F.mse_loss(guess, noise)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return Training(model=model, optimizers=[optimizer], step=step, steps=300)


def contrastive() -> Training:
    """Two noisy views of a picture are each other's class among all of the batch, at a temperature of 0.2."""
    model, source = separable(classes=16), batches(data.pictures(), 48)
    optimizer = NADAM(model.parameters(), lr=2e-3)

    def step(_: int) -> Tensor:
        x, _ = next(source)
        one, other = (F.normalize(model(x + 0.3 * torch.randn_like(x)), dim=1) for _ in range(2))
        optimizer.zero_grad()
        loss = F.cross_entropy(one @ other.T / 0.2, torch.arange(len(x)))
        loss.backward()
        optimizer.step()
        return loss.detach()

    return Training(model=model, optimizers=[optimizer], step=step, steps=200)


def policy() -> Training:
    """A policy gradient on a bandit with a context: the reward is one for the digit's last bit pair."""
    model, source = mlp(64, 48, 4, activation=nn.Softplus), batches(data.digits(), 64)
    optimizer = optim.RMSprop(model.parameters(), lr=3e-3)

    def step(_: int) -> Tensor:
        x, y = next(source)
        chance = torch.distributions.Categorical(logits=model(x))
        action = chance.sample()
        reward = (action == y % 4).float()
        optimizer.zero_grad()
        loss = -(chance.log_prob(action) * (reward - reward.mean())).mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return Training(model=model, optimizers=[optimizer], step=step, steps=250)


def _poisson() -> data.Data:
    """Counts whose rate is given by the curve."""
    return data.curve().targets(lambda y: y.clamp(-2, 2).exp().round())


MSE, NLL = nn.MSELoss(), nn.PoissonNLLLoss()
BUILDS = {
    "wine-elu-nadam": fit(_wine, NADAM, lambda: data.table("wine"), lr=2e-3, batch=16, steps=250),
    "tumours-silu-adagrad": fit(_tumours, optim.Adagrad, lambda: data.table("breast_cancer"), lr=0.02, steps=200),
    "moons-leaky-sgd": fit(_moons, optim.SGD, data.moons, lr=0.1, momentum=0.5, steps=350),
    "iris-logistic": fit(lambda: nn.Linear(4, 3), optim.SGD, lambda: data.table("iris"), lr=0.1, batch=16, steps=250),
    "waves-elu-adamax": fit(waves, ADAMAX, data.signals, lr=5e-3, steps=200),
    "separable-group-norm": fit(separable, optim.RMSprop, data.pictures, lr=1e-3, steps=200),
    "dense-one-cycle": fit(Dense, optim.SGD, data.pictures, lr=0.01, nesterov=True, momentum=0.9, schedule=one_cycle(200)),
    "mixer-radam": fit(Mixer, RADAM, data.digit_rows, lr=3e-3, steps=250),
    "vision-transformer": fit(Vision, optim.AdamW, data.pictures, lr=1e-3, steps=200),
    "tagger-gru": fit(_tagger, optim.Adam, _text, lr=3e-3, batch=16, clip=1.0, steps=200),
    "points-adadelta": fit(Points, ADADELTA, data.digit_rows, lr=1.0, steps=300),
    "highway-tanh": fit(lambda: Gated(13, 3), optim.Adam, lambda: data.table("wine"), lr=3e-3, batch=16, steps=250),
    "poisson-prelu": fit(
        lambda: mlp(4, 32, 32, 1, activation=nn.PReLU), NADAM, _poisson, loss_fn=NLL, lr=2e-3, batch=64, steps=250
    ),
    "curve-smooth-l1": fit(
        lambda: mlp(4, 48, 48, 1, activation=nn.Mish),
        RADAM,
        data.curve,
        loss_fn=nn.SmoothL1Loss(),
        lr=3e-3,
        batch=64,
        steps=300,
    ),
    "denoising": denoising,
    "contrastive": contrastive,
    "policy": policy,
}
WELL = tuple(Program(name=name, build=build, set="second", learns=name != "policy") for name, build in BUILDS.items())
SECOND = (*WELL, *(replace(fault, set="second") for fault in FAULTS))
