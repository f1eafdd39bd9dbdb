"""The healthy programs of the first set: what people train every day, in small."""

from __future__ import annotations

import torch
import verdicts_data as data
from torch import Tensor, nn, optim
from torch.nn import functional as F
from verdicts_fit import Build, cyclic, fit, warm_up_cosine
from verdicts_nets import VAE, Bag, Characters, Encoder, Reader, UNet, cnn, deep_residual, mlp, resnet
from verdicts_program import Program, Training, batches, supervised


def vae() -> Training:
    """Squared error plus the divergence of the code from a standard normal."""
    model, source = VAE(), batches(data.digits(), 64)
    optimizer = optim.Adam(model.parameters(), lr=2e-3)

    def step(_: int) -> Tensor:
        x, _ = next(source)
        again, mean, log_var = model(x)
        divergence = -0.5 * (1 + log_var - mean**2 - log_var.exp()).sum(dim=1).mean()
        loss = F.mse_loss(again, x, reduction="sum") / len(x) + divergence
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return Training(model=model, optimizers=[optimizer], step=step, steps=250)


def gan() -> Training:
    """Points on a ring against noise, with two optimizers; the recorder watches both networks as one."""
    model = nn.ModuleDict({"generator": mlp(4, 32, 32, 2), "critic": mlp(2, 32, 32, 1, activation=lambda: nn.LeakyReLU(0.2))})
    generator, critic = model["generator"], model["critic"]
    slow = optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.999))
    fast = optim.Adam(critic.parameters(), lr=1e-3, betas=(0.5, 0.999))
    yes, no = torch.ones(64, 1), torch.zeros(64, 1)
    loss_fn = nn.BCEWithLogitsLoss()

    def step(_: int) -> Tensor:
        angle = 2 * torch.pi * torch.rand(64)
        real = torch.stack([angle.cos(), angle.sin()], dim=1) + 0.05 * torch.randn(64, 2)
        fake = generator(torch.randn(64, 4))
        fast.zero_grad()
        loss = loss_fn(critic(real), yes) + loss_fn(critic(fake.detach()), no)
        loss.backward()
        fast.step()
        slow.zero_grad()
        loss_fn(critic(fake), yes).backward()
        slow.step()
        return loss.detach()

    return Training(model=model, optimizers=[slow, fast], step=step, steps=250)


def metric() -> Training:
    """Triplets: a digit nearer to its like than to another."""
    model, source = mlp(64, 64, 16), batches(data.digits(), 64)
    optimizer, loss_fn = optim.Adam(model.parameters(), lr=1e-3), nn.TripletMarginLoss(margin=1.0)

    def step(_: int) -> Tensor:
        x, y = next(source)
        place = model(x)
        same = y[:, None] == y
        like = torch.multinomial(same.float(), 1)[:, 0]
        other = torch.multinomial((~same).float(), 1)[:, 0]
        optimizer.zero_grad()
        loss = loss_fn(place, place[like], place[other])
        loss.backward()
        optimizer.step()
        return loss.detach()

    return Training(model=model, optimizers=[optimizer], step=step, steps=250)


def fine_tuning() -> Training:
    """A network that knows even from odd learns the ten digits with a new head; its body is frozen."""
    task = data.digits()
    model = mlp(64, 96, 96, 10)
    early = optim.Adam(model.parameters(), lr=2e-3)
    for x, y in (b for _, b in zip(range(150), batches(task, 64), strict=False)):
        early.zero_grad()
        F.cross_entropy(model(x), y % 5).backward()
        early.step()
    model.zero_grad()
    for layer in (model.hidden1, model.hidden2):
        layer.requires_grad_(False)
    model.head = nn.Linear(96, 10)
    return supervised(model, optim.Adam(model.head.parameters(), lr=3e-3), task, steps=200)


def language_model() -> Training:
    """A causal language model over characters, with warm-up and clipping."""
    texts, letters = data.text()
    model = Characters(letters)
    optimizer = optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    schedule = warm_up_cosine(200)(optimizer)
    return supervised(model, optimizer, texts, batch=16, steps=200, scheduler=schedule, clip=1.0)


def weighted() -> Training:
    """One sample in ten is of the second class, and the loss makes up for it."""
    model = mlp(16, 32, 2)
    loss_fn = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0]))
    return supervised(model, optim.Adam(model.parameters(), lr=2e-3), data.rare(), loss_fn, batch=64, steps=250)


def _binary() -> data.Data:
    return data.table("breast_cancer").targets(lambda y: y.float()[:, None])


def _multi_label() -> data.Data:
    """Four questions about a digit: even, above four, prime, closed loop."""
    asked = torch.tensor([[0, 4, 6, 8, 2], [5, 6, 7, 8, 9], [2, 3, 5, 7, 7], [0, 6, 8, 9, 9]])
    return data.digits().targets(lambda y: (y[:, None, None] == asked).any(dim=2).float())


def _autoencoded() -> data.Data:
    return data.to_themselves(data.digits())


SGD, ADAM, ADAMW = optim.SGD, optim.Adam, optim.AdamW
RNN, LSTM, GRU = nn.RNN, nn.LSTM, nn.GRU
BUILDS: dict[str, Build] = {
    "mlp-relu-adam": fit(lambda: mlp(64, 64, 64, 10), ADAM, data.digits, lr=1e-3, steps=300),
    "mlp-relu-sgd": fit(lambda: mlp(64, 64, 64, 10), SGD, data.digits, lr=0.1, steps=300),
    "mlp-tanh-momentum": fit(lambda: mlp(64, 64, 64, 10, activation=nn.Tanh), SGD, data.digits, lr=0.03, momentum=0.9),
    "mlp-sigmoid-adam": fit(lambda: mlp(64, 64, 10, activation=nn.Sigmoid), ADAM, data.digits, lr=5e-3, steps=300),
    "mlp-gelu-layer-norm": fit(
        lambda: mlp(64, 64, 64, 10, activation=nn.GELU, norm=nn.LayerNorm), ADAMW, data.digits, lr=2e-3, weight_decay=0.01
    ),
    "mlp-batch-norm-dropout": fit(
        lambda: mlp(64, 64, 64, 10, norm=nn.BatchNorm1d, dropout=0.3),
        SGD,
        data.digits,
        lr=0.05,
        momentum=0.9,
        weight_decay=1e-4,
    ),
    "mlp-dropout": fit(lambda: mlp(64, 128, 128, 10, dropout=0.5), ADAM, data.digits, lr=1e-3, steps=300),
    "mlp-wide": fit(lambda: mlp(64, 768, 10), SGD, data.digits, lr=0.05, momentum=0.9, steps=250),
    "mlp-eight-deep": fit(lambda: mlp(*[64] * 9, 10), ADAM, data.digits, lr=1e-3, steps=350),
    "mlp-rmsprop": fit(lambda: mlp(64, 64, 64, 10), optim.RMSprop, data.digits, lr=1e-3, steps=250),
    "mlp-adagrad": fit(lambda: mlp(64, 64, 64, 10), optim.Adagrad, data.digits, lr=0.02, steps=250),
    "mlp-cyclic": fit(lambda: mlp(64, 64, 64, 10), SGD, data.digits, lr=0.01, schedule=cyclic, steps=320),
    "mlp-accumulated": fit(lambda: mlp(64, 64, 64, 10), ADAM, data.digits, lr=2e-3, batch=16, accumulate=4),
    "mlp-smoothed-labels": fit(
        lambda: mlp(64, 64, 64, 10), ADAM, data.digits, loss_fn=nn.CrossEntropyLoss(label_smoothing=0.1), lr=1e-3, steps=250
    ),
    "residual-twenty-deep": fit(deep_residual, ADAMW, data.digits, lr=1e-3, schedule=warm_up_cosine(250), steps=250),
    "cnn-adam": fit(cnn, ADAM, data.digit_images, lr=2e-3, steps=250),
    "cnn-batch-norm-cosine": fit(
        lambda: cnn(norm=True), SGD, data.digit_images, lr=0.05, momentum=0.9, schedule=warm_up_cosine(250, 1), steps=250
    ),
    "resnet": fit(resnet, SGD, data.digit_images, lr=0.05, momentum=0.9, schedule=warm_up_cosine(150), steps=150),
    "rnn-clipped": fit(lambda: Reader(RNN, 8, 10), ADAM, data.digit_rows, lr=3e-3, clip=5.0, steps=300),
    "lstm": fit(lambda: Reader(LSTM, 8, 10), ADAM, data.digit_rows, lr=5e-3, steps=300),
    "gru-two-layers": fit(lambda: Reader(GRU, 8, 10, num_layers=2, dropout=0.1), ADAMW, data.digit_rows, lr=5e-3, steps=250),
    "transformer": fit(lambda: Encoder(8, 10), ADAMW, data.digit_rows, lr=2e-3, schedule=warm_up_cosine(250), steps=250),
    "embedding-bag": fit(Bag, ADAM, data.bags, lr=0.02, steps=250),
    "autoencoder": fit(lambda: mlp(64, 48, 12, 48, 64), ADAM, _autoencoded, loss_fn=nn.MSELoss(), lr=2e-3, batch=64, steps=300),
    "regression": fit(lambda: mlp(10, 32, 1), SGD, lambda: data.table("diabetes"), loss_fn=nn.MSELoss(), lr=0.01, steps=200),
    "curve-huber": fit(lambda: mlp(4, 64, 64, 1), ADAM, data.curve, loss_fn=nn.HuberLoss(), lr=2e-3, batch=64, steps=300),
    "binary": fit(lambda: mlp(30, 16, 1), ADAM, _binary, loss_fn=nn.BCEWithLogitsLoss(), lr=2e-3, steps=200),
    "multi-label": fit(lambda: mlp(64, 64, 4), ADAM, _multi_label, loss_fn=nn.BCEWithLogitsLoss(), lr=2e-3, steps=250),
    "u-net": fit(UNet, ADAM, data.circles, loss_fn=nn.BCEWithLogitsLoss(), lr=3e-3, batch=16, steps=200),
    "imbalanced": fit(lambda: mlp(16, 32, 2), ADAM, data.rare, lr=3e-3, batch=64, steps=250),
    "imbalanced-weighted": weighted,
    "fine-tuning": fine_tuning,
    "language-model": language_model,
    "metric": metric,
    "vae": vae,
    "gan": gan,
}
HEALTHY = tuple(Program(name=name, build=build, learns=name != "gan") for name, build in BUILDS.items())
