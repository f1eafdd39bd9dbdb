"""Small real trainings on scikit-learn's digits: the rules' own cases run through here."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

import torchvitals
from torchvitals.diagnosis.rule import Case

STEPS = 300
BATCH = 64


@cache
def _pixels_and_labels() -> tuple[Tensor, Tensor]:
    pixels, labels = load_digits(return_X_y=True)
    return torch.tensor(pixels, dtype=torch.float32) / 16, torch.tensor(labels)


def digits(batches: int, *, batch: int = BATCH) -> Iterator[tuple[Tensor, Tensor]]:
    """Random batches of 8×8 digits as (N, 64) in [0, 1] with their labels (N,)."""
    pixels, labels = _pixels_and_labels()
    for _ in range(batches):
        chosen = torch.randint(0, len(labels), (batch,))
        yield pixels[chosen], labels[chosen]


def mlp(*, depth: int, activation: type[nn.Module], width: int = 64, inputs: int = 64, outputs: int = 10) -> nn.Sequential:
    """`depth` hidden layers, each followed by an activation, and a linear head."""
    layers: list[nn.Module] = []
    for n in [inputs, *[width] * (depth - 1)]:
        layers += [nn.Linear(n, width), activation()]
    return nn.Sequential(*layers, nn.Linear(width, outputs))


def define(case: Case, seed: int = 0) -> dict[str, Any]:
    """Run a case's program and return what it defined."""
    torch.manual_seed(seed)
    scope: dict[str, Any] = {"torch": torch, "nn": nn, "digits": digits, "mlp": mlp, "loss_fn": nn.CrossEntropyLoss()}
    exec(textwrap.dedent(case.program), scope)
    return scope


def record(case: Case, logdir: Path, *, seed: int = 0, every: int | None = 5) -> torchvitals.Run:
    """Train a case with torchvitals attached and read its log back."""
    with one_thread():
        scope = define(case, seed)
        loss_fn = scope["loss_fn"]
        with torchvitals.watch(scope["model"], scope["optimizer"], logdir=logdir, loss_fn=loss_fn, every=every) as vitals:
            train: Callable[..., None] = scope.get("train", lambda _: loop(scope))
            train(vitals)
    return torchvitals.read(logdir)


@contextmanager
def one_thread() -> Iterator[None]:
    """Small networks gain nothing from a second thread, and lose much when other tests run beside them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def loop(scope: dict[str, Any], *, steps: int = STEPS) -> list[float]:
    """The plain loop, with the faults a case asks for; returns the losses."""
    model, optimizer, loss_fn = scope["model"], scope["optimizer"], scope["loss_fn"]
    accumulate = scope.get("accumulate", 1)
    batches = iter(scope.get("batches") or digits(steps))
    losses = []
    while parts := list(itertools.islice(batches, accumulate)):
        if scope.get("zero_grad", True):
            optimizer.zero_grad()
        for x, y in parts:
            loss = loss_fn(model(x), y) / accumulate
            loss.backward()
        optimizer.step()
        if "scheduler" in scope:
            scope["scheduler"].step()
        losses.append(float(loss.detach()))
    return losses
