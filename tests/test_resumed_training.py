"""A training that goes on from a checkpoint goes on in its log, too."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from training import digits, mlp

import torchvitals
from torchvitals.core.tag import Tag
from torchvitals.errors import RecordingError

LOSS = Tag(measure="loss", subject="train")


def train(logdir: Path, steps: int, *, first_step: int = 0, model: nn.Module | None = None) -> nn.Module:
    network = model or mlp(depth=1, width=8, activation=nn.ReLU)
    optimizer, loss_fn = torch.optim.SGD(network.parameters(), lr=0.1), nn.CrossEntropyLoss()
    with torchvitals.watch(network, optimizer, logdir=logdir, loss_fn=loss_fn, every=2, first_step=first_step) as vitals:
        for x, y in digits(steps):
            optimizer.zero_grad()
            loss_fn(network(x), y).backward()
            optimizer.step()
        vitals.log(val_loss=1.0)
    return network


def test_it_goes_on_at_its_step_and_keeps_what_came_before(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = train(tmp_path, 20)
    before = torchvitals.read(tmp_path)
    train(tmp_path, 10, first_step=14, model=model)
    run = torchvitals.read(tmp_path)
    assert run.scalars[LOSS].step.tolist() == [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22]
    assert run.scalars[LOSS].value[:7].tolist() == before.scalars[LOSS].value[:7].tolist()
    assert run.superseded[LOSS].step.tolist() == [14, 16, 18]
    assert run.scalars[Tag(measure="loss", subject="val")].step.tolist() == [23]
    assert run.histograms[Tag(measure="weights", subject="0.weight")].step.max() >= 14


def test_a_step_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="first_step=-1"):
        train(tmp_path, 1, first_step=-1)
    assert not list(tmp_path.iterdir())
