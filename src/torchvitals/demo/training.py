"""Train one scenario with torchvitals attached, as a user would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from torchvitals.api import watch
from torchvitals.demo.scenarios import Scenario

BATCH = 64
EVERY = 5  # a fixed interval, so that the recorded steps do not depend on the speed of the machine
VALIDATION = 297  # samples held back; 1,500 and more remain
EVALUATE_EVERY = 25


def train(scenario: Scenario, logdir: Path, *, seed: int = 0, on_step: Callable[[int], None] | None = None) -> None:
    """Train for `scenario.steps` steps and record into `logdir`.

    Raises:
        MissingDependencyError: scikit-learn, which brings the digits, is not installed.
    """
    inputs, labels = scenario.data()
    probe = (inputs[: scenario.probe], labels[: scenario.probe]) if scenario.probe else None
    torch.manual_seed(seed)
    model, optimizer = scenario.build()
    loss_fn = nn.CrossEntropyLoss()
    with watch(model, optimizer, logdir=logdir, loss_fn=loss_fn, every=EVERY, probe=probe) as vitals:
        for step in range(scenario.steps):
            batch = torch.randint(VALIDATION, len(labels), (BATCH,))
            optimizer.zero_grad()
            loss = loss_fn(model(inputs[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            if (step + 1) % EVALUATE_EVERY == 0:
                val_loss, val_accuracy = _evaluate(model, loss_fn, inputs[:VALIDATION], labels[:VALIDATION])
                vitals.log(val_loss=val_loss, val_accuracy=val_accuracy)
            if on_step is not None:
                on_step(step)


def _evaluate(model: nn.Module, loss_fn: nn.Module, inputs: Tensor, labels: Tensor) -> tuple[float, float]:
    model.eval()
    with torch.no_grad():
        outputs = model(inputs)
        loss, accuracy = loss_fn(outputs, labels), (outputs.argmax(dim=1) == labels).float().mean()
    model.train()
    return float(loss), float(accuracy)
