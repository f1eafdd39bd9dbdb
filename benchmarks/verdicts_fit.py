"""Programs of one network, one optimizer and one task, in a line each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn, optim
from torch.optim import lr_scheduler
from verdicts_program import Data, Program, Training, supervised

Build = Callable[[], Training]
Schedule = Callable[[optim.Optimizer], lr_scheduler.LRScheduler]
LOOP = ("batch", "steps", "clip", "accumulate", "zero_grad", "validate", "train_mode", "shuffle", "fixed_order", "on_batch")


def fit(
    make: Callable[[], nn.Module],
    optimizer: Callable[..., optim.Optimizer],
    task: Callable[[], Data],
    /,
    *,
    loss_fn: Callable[..., Any] | None = None,
    schedule: Schedule | None = None,
    **options: Any,
) -> Build:
    """The program; what is no option of the loop goes to the optimizer."""
    loop = {name: options.pop(name) for name in LOOP if name in options}

    def build() -> Training:
        model = make()
        stepped = optimizer([p for p in model.parameters() if p.requires_grad], **options)
        scheduler = None if schedule is None else schedule(stepped)
        return supervised(model, stepped, task(), loss_fn, scheduler=scheduler, **loop)

    return build


def sick(symptom: str, name: str, build: Build, *also: str, modules: tuple[str, ...] = ()) -> Program:
    """A program with a planted symptom; `also` are true of it as well, so naming one of them is right, too."""
    return Program(name=name, build=build, symptoms=(symptom, *also), modules=modules)


def planted(make: Callable[[], nn.Module], change: Callable[[Any], object]) -> Callable[[], nn.Module]:
    """The network after something was done to it."""

    def made() -> nn.Module:
        model = make()
        change(model)
        return model

    return made


def warm_up_cosine(steps: int, warm: int = 20) -> Schedule:
    """Linear from a hundredth, then half a cosine."""
    return lambda o: lr_scheduler.SequentialLR(
        o,
        [lr_scheduler.LinearLR(o, 0.01, total_iters=warm), lr_scheduler.CosineAnnealingLR(o, steps - warm)],
        milestones=[warm],
    )


def cyclic(o: optim.Optimizer) -> lr_scheduler.LRScheduler:
    """A triangle of 80 steps."""
    return lr_scheduler.CyclicLR(o, base_lr=0.01, max_lr=0.1, step_size_up=40, cycle_momentum=False)
