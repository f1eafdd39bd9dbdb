"""The log is whole however the program ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import torchvitals

START = """
import gc, os, sys
import torch
import torchvitals
from torch import nn

def told(finding):
    print("told by", "parent" if os.getpid() == parent else "child")

def start():
    model, loss_fn = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model[0].parameters(), lr=0.1)
    return model, loss_fn, optimizer

def watch(model, loss_fn, optimizer):
    return torchvitals.watch(model, optimizer, logdir=sys.argv[1], loss_fn=loss_fn, every=1, on_finding=told)

def train(model, loss_fn, optimizer, steps=60):
    for _ in range(steps):
        optimizer.zero_grad()
        loss_fn(model(torch.randn(8, 4)), torch.randint(0, 3, (8,))).backward()
        optimizer.step()

parent = os.getpid()
torch.manual_seed(0)
torch.set_num_threads(1)
"""
ENDS = {
    "without close": "parts = start()\nvitals = watch(*parts)\ntrain(*parts)",
    "value not kept": "parts = start()\nwatch(*parts)\ntrain(*parts)",
    "uncaught exception": "parts = start()\nvitals = watch(*parts)\ntrain(*parts)\n1 / 0",
    "garbage before the end": """
def run():
    parts = start()
    watch(*parts)
    train(*parts)
run()
gc.collect()
""",
    "forked child ends first": """
parts = start()
vitals = watch(*parts)
train(*parts, steps=30)
child = os.fork()
if child == 0:
    train(*parts, steps=100)
    vitals.log(of_the_child=1.0)
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
train(*parts, steps=30)
""",
}


@pytest.mark.parametrize("end", ENDS)
def test_the_log_is_complete(end: str, tmp_path: Path) -> None:
    words = [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", START + ENDS[end], str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == (end == "uncaught exception"), done.stderr
    assert not any(word in done.stderr for word in ("Training goes on", "could not", "cannot")), "no trouble was logged"
    assert ("ZeroDivisionError" in done.stderr) == (end == "uncaught exception")
    run = torchvitals.read(tmp_path)
    assert run.steps.tolist() == list(range(60))
    assert "parameters-not-optimized" in run.texts["torchvitals/findings"]
    assert run.problems == ()
    assert "of_the_child" not in run.measures
    assert set(done.stdout.splitlines()) == {"told by parent"}
