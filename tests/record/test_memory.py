"""A long training needs no more memory than a short one."""

from __future__ import annotations

import gc
import os
from collections import Counter
from pathlib import Path

import pytest
import torch
from recording import batch, net
from torch import Tensor, nn

import torchvitals

SHORT, LONG = 5_000, 20_000
PAGE = os.sysconf("SC_PAGE_SIZE")


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE


def live_tensors() -> int:
    gc.collect()
    return sum(issubclass(type(thing), Tensor) for thing in gc.get_objects())  # some objects warn when asked for their class


def live_things() -> Counter[str]:
    gc.collect()
    return Counter(type(thing).__qualname__ for thing in gc.get_objects())


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks Linux how much memory is resident")
def test_20_000_steps_need_no_more_than_5_000(tmp_path: Path) -> None:
    model, loss_fn = net(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    x, y = batch()

    def train(steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()

    with torchvitals.watch(model, optimizer, logdir=tmp_path, loss_fn=loss_fn):
        train(SHORT)
        tensors, things, resident = live_tensors(), live_things(), resident_bytes()
        train(LONG - SHORT)
        assert live_tensors() <= tensors + 64, "one measured step more may be on its way"
        grown = {name: n - things[name] for name, n in live_things().items() if n - things[name] > 1000}
        assert grown == {}
        assert resident_bytes() - resident < 2e6
    run = torchvitals.read(tmp_path)
    assert run.steps[-1] > SHORT
    assert len(run.steps) > 40
