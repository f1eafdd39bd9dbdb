"""Whatever happens to the process or to the disk, the log keeps what it had and the training goes on."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from event_files import event_file
from recording import net, train
from torch import nn

import torchvitals
from torchvitals.core.step_record import StepRecord
from torchvitals.core.tag import Tag
from torchvitals.errors import RecordingError
from torchvitals.record.watch import Vitals
from torchvitals.store.record_writer import NativeRecordWriter
from torchvitals.store.tensorboard import TensorBoardSink

LOSS_S = 1.5  # what a killed process may lose: a second, and the time a loaded machine takes to write it
CHECK = Tag(measure="check")
TRAINS = """
import sys, time, torch, torchvitals
from torch import nn
torch.set_num_threads(1)
model, loss_fn = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)), nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
vitals = torchvitals.watch(model, optimizer, logdir=sys.argv[1], loss_fn=loss_fn, every=1)
step = 0
while True:
    optimizer.zero_grad()
    loss_fn(model(torch.randn(8, 4)), torch.randint(0, 3, (8,))).backward()
    optimizer.step()
    vitals.log(check=2.0 * step)
    print(step, time.time(), flush=True)
    step += 1
    time.sleep(0.002)
"""


def recording(folder: Path, *, steps: int) -> tuple[Vitals, nn.Module, torch.optim.Optimizer, nn.Module]:
    model, loss_fn = net(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    vitals = torchvitals.watch(model, optimizer, logdir=folder, loss_fn=loss_fn, every=1)
    train(model, optimizer, loss_fn, steps=steps)
    return vitals, model, optimizer, loss_fn


def record(step: int, value: float = 1.0) -> StepRecord:
    return StepRecord(step=step, wall_time=1.0, scalars=((CHECK, value),))


def train_and_kill(folder: Path) -> tuple[list[tuple[int, float]], float]:
    """Each step that was done, with the time at which it was; and the time of the end."""
    words = [sys.executable, "-c", TRAINS, str(folder)]
    done: list[tuple[int, float]] = []
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            step, when_s = line.split()
            done.append((int(step), float(when_s)))
            if len(done) >= 150 and done[-1][1] - done[0][1] > 2 * LOSS_S:
                break
        killed_s = time.time()
        process.kill()
    assert process.returncode == -signal.SIGKILL
    return done, killed_s


def test_a_killed_process_loses_no_more_than_its_last_second(tmp_path: Path) -> None:
    done, killed_s = train_and_kill(tmp_path)
    run = torchvitals.read(tmp_path)
    check = run.scalars[CHECK]
    due = {step for step, when_s in done if when_s < killed_s - LOSS_S}
    assert len(due) > 10
    assert due <= set(check.step.tolist())
    assert due <= set(run.scalars[Tag(measure="loss", subject="train")].step.tolist())
    assert (check.value == 2.0 * check.step).all(), "no wrong value"
    assert run.steps.tolist() == list(range(run.steps[-1] + 1))
    assert all("the last record is incomplete" in p for p in run.problems)


@pytest.mark.parametrize("folder_stays", [True, False], ids=["disk full", "folder removed"])
def test_a_disk_that_takes_no_more(folder_stays: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    vitals, model, optimizer, loss_fn = recording(tmp_path / "run", steps=5)
    vitals._sink.flush()
    sound = event_file(tmp_path / "run").read_bytes()
    if folder_stays:
        break_the_disk(vitals._sink)
    else:
        (tmp_path / "run").rename(tmp_path / "gone")  # at once: the writer may be at work while a folder is emptied
    losses = train(model, optimizer, loss_fn, steps=50)
    vitals.log(later=1.0)
    vitals.close()
    assert len(losses) == 50
    assert len(caplog.messages) == 1
    assert str(tmp_path / "run") in caplog.messages[0]
    assert "Training goes on" in caplog.messages[0]
    assert caplog.messages[0].endswith("call torchvitals.watch again.")
    if folder_stays:
        assert event_file(tmp_path / "run").read_bytes() == sound
        assert torchvitals.read(tmp_path / "run").problems == ()
    else:
        assert not (tmp_path / "run").exists()


def break_the_disk(sink: TensorBoardSink) -> None:
    """From now on a write takes half of what it is given and fails, as on a full disk."""
    file = sink._file._writer.event_writer._general_file_writer  # type: ignore[attr-defined]
    whole = file.write

    def half(data: bytes) -> None:
        whole(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    file.write = half


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 192 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=192k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a file system can be mounted by root only")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_that_is_really_full(small_disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    vitals, model, optimizer, loss_fn = recording(small_disk / "run", steps=5)
    before = [p.detach().clone() for p in model.parameters()]
    train(model, optimizer, loss_fn, steps=150)
    vitals.close()
    assert not any(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)), "it went on training"
    assert len(caplog.messages) == 1
    assert "No space left on device" in caplog.messages[0]
    run = torchvitals.read(small_disk / "run")
    assert run.problems == (), "it ends with a whole record"
    assert run.steps.tolist() == list(range(len(run.steps)))
    assert 5 < len(run.steps) < 155
    fill(small_disk)
    with pytest.raises(RecordingError, match="No space left on device"):
        torchvitals.watch(net(), logdir=small_disk / "another")


def fill(folder: Path) -> None:
    with (folder / "ballast").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 512)
        except OSError:
            return


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full here")
def test_an_error_is_told_once_and_what_follows_is_dropped() -> None:
    errors: list[Exception] = []
    with Path("/dev/full").open("wb", buffering=0) as file:
        writer = NativeRecordWriter(file, errors.append)
        for _ in range(3):
            writer.write(b"record")
            writer.flush()
        writer.close()
    assert [e.errno for e in errors if isinstance(e, OSError)] == [errno.ENOSPC]


def test_a_program_sees_one_line_and_no_traceback(tmp_path: Path) -> None:
    program = TRAINS.replace("while True:", "while step < 200:").replace(
        "    step += 1", "    step += 1\n    if step == 20:\n        import os; os.rename(sys.argv[1], sys.argv[1] + '-gone')"
    )
    words = [sys.executable, "-W", "error", "-c", program, str(tmp_path / "run")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    assert len(done.stdout.splitlines()) == 200
    (line,) = done.stderr.splitlines()
    assert re.match(r"torchvitals cannot write to .*run any more \(FileNotFoundError", line)


@pytest.mark.parametrize("obstacle", ["a file", "read-only"])
def test_a_folder_that_takes_no_file_is_refused_before_training(obstacle: str, tmp_path: Path) -> None:
    if obstacle == "a file":
        folder = tmp_path / "run"
        folder.write_text("in the way")
    else:
        folder = Path("/proc/self")  # a folder in which nobody can make a file
        if not folder.is_dir():
            pytest.skip("no such folder here")
    with pytest.raises(RecordingError, match=r"cannot be written to .*; pass a folder that can"):
        torchvitals.watch(net(), logdir=folder)


def test_a_child_that_goes_on_training_while_its_parent_does(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    vitals, model, optimizer, loss_fn = recording(tmp_path, steps=10)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            torch.set_num_threads(1)
            vitals.log(of_the_child=1.0)
            for step in range(300):  # more than the writer's queue holds
                vitals._sink.write(record(step, value=-1.0))
            vitals.close()
            code = 7
        finally:
            os._exit(code)
    train(model, optimizer, loss_fn, steps=30)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    train(model, optimizer, loss_fn, steps=20)
    vitals.close()
    run = torchvitals.read(tmp_path)
    assert run.steps.tolist() == list(range(60))
    assert run.problems == ()
    assert not {"check", "of_the_child"} & run.measures
    assert caplog.messages == []
