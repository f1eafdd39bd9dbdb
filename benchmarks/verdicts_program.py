"""What the calibration set is made of: programs that train, some of them with a fault, and the loop they share."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor, nn, optim

Set = Literal["first", "second"]  # thresholds may be chosen on the first; the second is only ever reported
Loss = Callable[..., Tensor]
EVALUATE_EVERY = 25  # optimizer steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """A training set and a validation set; the first dimension is the sample."""

    x: Tensor
    y: Tensor
    val_x: Tensor
    val_y: Tensor

    def inputs(self, change: Callable[[Tensor], Tensor]) -> Data:
        """The same with other inputs."""
        return replace(self, x=change(self.x), val_x=change(self.val_x))

    def targets(self, change: Callable[[Tensor], Tensor], *, val: bool = True) -> Data:
        """The same with other targets, in the training set alone if `val` is false."""
        return replace(self, y=change(self.y), val_y=change(self.val_y) if val else self.val_y)

    def first(self, n: int) -> Data:
        """The first n samples to train on, all to validate on."""
        return replace(self, x=self.x[:n], y=self.y[:n])

    def sorted(self) -> Data:
        """By label, as a file that was written class by class."""
        order = self.y.argsort(stable=True)
        return replace(self, x=self.x[order], y=self.y[order])


@dataclass(slots=True, kw_only=True)
class Training:
    """A model with its loop. `step` is one optimizer step as its user would write it and returns the loss."""

    model: nn.Module
    optimizers: Sequence[optim.Optimizer]
    step: Callable[[int], Tensor]
    evaluate: Callable[[], float] | None = None  # the loss on the validation set
    steps: int = 200
    losses: list[float] = field(default_factory=list)

    def run(self, log: Callable[[float], None], after: Callable[[int, Tensor], None] | None = None) -> None:
        """Train to the end; `log` takes the validation losses, `after` what a rival wants to see of a step."""
        for number in range(self.steps):
            loss = self.step(number)
            self.losses.append(float(loss.detach().mean()))
            if after is not None:
                after(number, loss)
            if self.evaluate is not None and (number + 1) % EVALUATE_EVERY == 0:
                log(self.evaluate())


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One training of the calibration set."""

    name: str
    build: Callable[[], Training]  # called with the global generator seeded; it draws from that alone
    symptoms: tuple[str, ...] = ()  # the planted one, then those that are true of the run as well; none: healthy
    modules: tuple[str, ...] = ()  # where the fault is; several: any of them is right
    set: Set = "first"
    learns: bool = True  # a healthy one whose loss need not fall: the two losses of a GAN

    @property
    def healthy(self) -> bool:
        """Nothing is planted in it."""
        return not self.symptoms

    @property
    def key(self) -> str:
        """Its name among all programs: `dead-relu--mlp`."""
        return self.name if self.healthy else f"{self.symptoms[0]}--{self.name}"


def batches(data: Data, size: int, *, shuffle: bool = True, fixed: bool = False) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches without end; a new order each epoch, or the same one (`fixed`), or none. Short last batches are dropped."""
    n = len(data.x)
    order = torch.randperm(n) if shuffle else torch.arange(n)
    while True:
        for chosen in order.split(size):
            if len(chosen) == min(size, n):
                yield data.x[chosen], data.y[chosen]
        if shuffle and not fixed:
            order = torch.randperm(n)


def supervised(
    model: nn.Module,
    optimizer: optim.Optimizer,
    data: Data,
    loss_fn: Loss | None = None,
    *,
    batch: int = 32,
    steps: int = 200,
    scheduler: optim.lr_scheduler.LRScheduler | None = None,
    clip: float | None = None,
    accumulate: int = 1,
    zero_grad: bool = True,
    validate: bool = True,
    train_mode: bool = True,
    shuffle: bool = True,
    fixed_order: bool = False,
    on_batch: Callable[[int, Tensor, Tensor], tuple[Tensor, Tensor]] | None = None,
) -> Training:
    """The loop of most programs; its options are what people vary, rightly or wrongly."""
    criterion: Loss = nn.CrossEntropyLoss() if loss_fn is None else loss_fn
    source = batches(data, batch, shuffle=shuffle, fixed=fixed_order)

    def step(number: int) -> Tensor:
        if zero_grad:
            optimizer.zero_grad()
        for x, y in itertools.islice(source, accumulate):
            if on_batch is not None:
                x, y = on_batch(number, x, y)
            loss = criterion(model(x), y)
            if accumulate > 1:
                loss = loss / accumulate
            loss.backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
        return loss.detach()

    evaluate = validation(model, data, criterion, back_to_train=train_mode) if validate else None
    return Training(model=model, optimizers=[optimizer], step=step, evaluate=evaluate, steps=steps)


def validation(model: nn.Module, data: Data, loss_fn: Loss, *, back_to_train: bool = True) -> Callable[[], float]:
    """The loss on the validation set in evaluation mode."""

    def evaluate() -> float:
        model.eval()
        with torch.no_grad():
            loss = float(loss_fn(model(data.val_x), data.val_y).mean())
        model.train(back_to_train)
        return loss

    return evaluate
