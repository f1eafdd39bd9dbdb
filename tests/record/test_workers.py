"""Data loaders and forked children while a watch is on."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from recording import net
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import torchvitals

EPOCHS, BATCHES = 2, 6
FORK = """
import os, signal, sys, time
import torch
import torchvitals
from torch import nn
from torch.utils.tensorboard import SummaryWriter

torch.manual_seed(0)
torch.set_num_threads(1)
model, loss_fn = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)), nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
writer = SummaryWriter(sys.argv[1]) if sys.argv[2] == "writer" else None
where = {"writer": writer} if writer else {"logdir": sys.argv[1]}
vitals = torchvitals.watch(model, optimizer, loss_fn=loss_fn, every=1, **where)

def forward():
    optimizer.zero_grad()
    return loss_fn(model(torch.randn(8, 4)), torch.randint(0, 3, (8,)))

def train(steps):
    for _ in range(steps):
        forward().backward()
        optimizer.step()

train(30)
loss = forward()  # a measured step is under way: hooks and a function mode are on
began, child = time.monotonic(), os.fork()
if child == 0:
    signal.alarm(20)  # a child that blocks ends here, and not with 0
    loss.backward()
    optimizer.step()
    train(200)
    vitals.log(of_the_child=1.0)
    if sys.argv[3] == "close":
        vitals.close()
    sys.exit(0)
status = os.waitpid(child, 0)[1]
assert status == 0, f"the child ended with {status}"
print(f"the child took {time.monotonic() - began:.1f} s")
loss.backward()
optimizer.step()
train(29)
vitals.close()
if writer:
    writer.add_scalar("mine", 7.0, 60)
    writer.close()
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of newer Pythons: a fork beside threads
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_of_a_data_loader_come_and_go(start: str, tmp_path: Path) -> None:
    model, loss_fn = net(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    data = TensorDataset(torch.randn(BATCHES * 8, 4), torch.randint(0, 3, (BATCHES * 8,)))
    loader = DataLoader(data, batch_size=8, num_workers=2, multiprocessing_context=start, timeout=60, persistent_workers=True)
    with torchvitals.watch(model, optimizer, logdir=tmp_path, loss_fn=loss_fn, every=1):
        for _ in range(EPOCHS):
            for x, y in loader:
                optimizer.zero_grad()
                loss_fn(model(x), y).backward()
                optimizer.step()
        began = time.monotonic()
        del loader
        assert time.monotonic() - began < 15, "the workers have gone when they were told to"
    run = torchvitals.read(tmp_path)
    assert run.steps.tolist() == list(range(EPOCHS * BATCHES))
    assert run.problems == ()
    assert len(list(tmp_path.glob("*tfevents*"))) == 1, "no worker has opened a log of its own"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_workers_started_in_the_middle_of_a_measured_step(tmp_path: Path) -> None:
    model, loss_fn = net(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    data = TensorDataset(torch.randn(48, 4), torch.randint(0, 3, (48,)))
    with torchvitals.watch(model, optimizer, logdir=tmp_path, loss_fn=loss_fn, every=1):
        loss = loss_fn(model(data.tensors[0]), data.tensors[1])
        loader = DataLoader(data, batch_size=8, num_workers=2, multiprocessing_context="fork", timeout=60)
        assert sum(len(y) for _, y in loader) == 48
        loss.backward()
        optimizer.step()
    run = torchvitals.read(tmp_path)
    assert run.steps.tolist() == [0]
    assert run.problems == ()


@pytest.mark.parametrize(("into", "end"), [("writer", "close"), ("writer", "exit"), ("logdir", "exit")])
def test_a_child_forked_in_the_middle_of_a_step_ends_at_once_and_writes_nothing(into: str, end: str, tmp_path: Path) -> None:
    words = [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", FORK, str(tmp_path), into, end]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert not any(word in done.stderr for word in ("Training goes on", "could not", "cannot")), "no trouble was logged"
    seconds = float(done.stdout.split()[-2])
    assert seconds < 10
    run = torchvitals.read(tmp_path)
    assert [s for s in run.steps.tolist() if s < 60] == list(range(60))
    assert run.problems == ()
    assert "of_the_child" not in run.measures
    assert ("mine" in run.measures) == (into == "writer")
