"""The installed command beside a real training, as a process of its own."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from foreign_log import write_log

NAN = float("nan")
COMMAND = [sys.executable, "-c", "from torchvitals.cli import main; main()", "watch"]
TRAINING = """
import pathlib, sys, time, torch, torchvitals
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2))
optimizer, loss_fn = torch.optim.SGD(model.parameters(), lr=0.02), torch.nn.CrossEntropyLoss()
poison, left = pathlib.Path(sys.argv[2]), 30
with torchvitals.watch(model, optimizer, logdir=sys.argv[1], loss_fn=loss_fn, every=1):
    while left:
        x = torch.randn(32, 8)
        y = (x[:, 0] > 0).long()
        if poison.exists():
            x[0], left = float("nan"), left - 1
        optimizer.zero_grad()
        loss_fn(model(x), y).backward()
        optimizer.step()
        time.sleep(0.01)
"""
LIMIT_S = 60.0  # only a hanging test gets there


class Watching:
    """The command while it runs; its lines arrive as they are printed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: queue.Queue[str] = queue.Queue()
        for stream in (process.stdout, process.stderr):
            threading.Thread(target=lambda s: [self.lines.put(line) for line in s], args=(stream,), daemon=True).start()

    def until(self, wanted: Callable[[str], bool]) -> list[str]:
        """Every line up to the first that is wanted."""
        seen, end = [], time.monotonic() + LIMIT_S
        while not seen or not wanted(seen[-1]):
            try:
                seen.append(self.lines.get(timeout=max(0.0, end - time.monotonic())))
            except queue.Empty:
                raise AssertionError(f"not printed within {LIMIT_S} s; so far: {''.join(seen)}") from None
        return seen

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(LIMIT_S)

    def rest(self) -> list[str]:
        time.sleep(0.2)  # the threads hand over what was printed last
        return [self.lines.get() for _ in range(self.lines.qsize())]


@contextmanager
def process(*words: object, **streams: int) -> Iterator[subprocess.Popen[str]]:
    """A child that does not outlive the test."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen([*map(str, words)], text=True, env=environment, **streams) as child:
        try:
            yield child
        finally:
            child.kill()


@contextmanager
def watching(*arguments: object) -> Iterator[Watching]:
    with process(*COMMAND, *arguments, "--interval", 0.1, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        yield Watching(child)


def test_it_tells_what_happens_to_a_training_beside_it(tmp_path: Path) -> None:
    runs, poison = tmp_path / "runs", tmp_path / "poison"
    with watching(runs, "--format", "json") as watch:
        watch.until(lambda line: "waiting for a training to start" in line)
        with process(sys.executable, "-c", TRAINING, runs / "live", poison) as training:
            before = watch.until(lambda line: '"event": "verdict"' in line and '"verdict": "healthy"' in line)
            poison.touch()
            after = watch.until(lambda line: '"event": "found"' in line and '"non-finite' in line)
            assert training.wait(LIMIT_S) == 0
        time.sleep(1)  # further looks at a log that grew until it was closed
        assert watch.interrupt() == 0
        events = [json.loads(line) for line in [*before, *after, *watch.rest()] if line.startswith("{")]
    assert {e["run"] for e in events} == {"live"}
    found = [e["finding"]["symptom"] for e in events if e["event"] == "found"]
    assert len(found) == len(set(found)), "a finding was told twice"
    healthy = next(e for e in events if e["verdict"] == "healthy")
    (sick,) = [e for e in events if e["event"] == "found" and e["finding"]["symptom"].startswith("non-finite")]
    assert sick["finding"]["first_step"] > healthy["step"]
    assert sick["verdict"] == "critical"


def test_text_names_the_run_the_finding_and_the_remedy(tmp_path: Path) -> None:
    write_log(tmp_path / "a", {"loss/train": [2.0 - 0.01 * i for i in range(50)] + [NAN] * 20})
    with watching(tmp_path) as watch:
        text = "".join(watch.until(lambda line: "Following" in line))
        assert watch.interrupt() == 0
    assert "step 69  ✖ critical  a  non-finite since step 50" in text
    assert "What to change" in text
    assert "Traceback" not in text


@pytest.mark.parametrize("arguments", [["--interval", "0"], ["--format", "xml"]])
def test_wrong_use(cli, tmp_path: Path, arguments: list[str]) -> None:
    assert cli("watch", tmp_path, *arguments).code == 2
