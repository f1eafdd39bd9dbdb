"""Train one scenario with torchvitals attached, as a user would."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from torchvitals.api import watch
from torchvitals.demo.scenarios import Scenario
from torchvitals.errors import MissingDependencyError

BATCH = 64
EVERY = 5  # a fixed interval, so that the recorded steps do not depend on the speed of the machine
VALIDATION = 297  # samples held back; 1,500 remain
EVALUATE_EVERY = 25


def train(scenario: Scenario, logdir: Path, *, seed: int = 0, on_step: Callable[[int], None] | None = None) -> None:
    """Train for `scenario.steps` steps and record into `logdir`.

    Raises:
        MissingDependencyError: scikit-learn, which brings the digits, is not installed.
    """
    pixels, labels = _digits()
    torch.manual_seed(seed)
    model, optimizer = scenario.build()
    loss_fn = nn.CrossEntropyLoss()
    with watch(model, optimizer, logdir=logdir, loss_fn=loss_fn, every=EVERY) as vitals:
        for step in range(scenario.steps):
            batch = torch.randint(VALIDATION, len(labels), (BATCH,))
            optimizer.zero_grad()
            loss = loss_fn(model(pixels[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            if (step + 1) % EVALUATE_EVERY == 0:
                val_loss, val_accuracy = _evaluate(model, loss_fn, pixels[:VALIDATION], labels[:VALIDATION])
                vitals.log(val_loss=val_loss, val_accuracy=val_accuracy)
            if on_step is not None:
                on_step(step)


def _evaluate(model: nn.Module, loss_fn: nn.Module, pixels: Tensor, labels: Tensor) -> tuple[float, float]:
    model.eval()
    with torch.no_grad():
        outputs = model(pixels)
        loss, accuracy = loss_fn(outputs, labels), (outputs.argmax(dim=1) == labels).float().mean()
    model.train()
    return float(loss), float(accuracy)


@cache
def _digits() -> tuple[Tensor, Tensor]:
    """scikit-learn's handwritten digits, shuffled: pixels (1797, 64) with mean 0 and deviation 1, labels (1797,)."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingDependencyError(f"the demo needs scikit-learn ({error}); run: pip install 'torchvitals[demo]'") from error
    pixels, labels = load_digits(return_X_y=True)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    scaled = torch.tensor(pixels, dtype=torch.float32)[order] / 16
    return (scaled - scaled.mean()) / scaled.std(), torch.tensor(labels)[order]
