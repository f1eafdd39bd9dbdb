"""The recording goes through a `SummaryWriter` that the user has already."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorboardX
import torch
from event_files import event_file, events_of
from recording import net, train
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn
from torch.utils.tensorboard import SummaryWriter

import torchvitals
from torchvitals.core.tag import Tag
from torchvitals.errors import RecordingError
from torchvitals.store.tensorboard import TensorBoardSink

WRITERS = [SummaryWriter, tensorboardX.SummaryWriter]


def watched(writer: Any, *, steps: int = 10) -> None:
    model, loss_fn = net(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model[0].parameters(), lr=0.1)
    with torchvitals.watch(model, optimizer, writer=writer, loss_fn=loss_fn, every=1):
        for step in range(steps):
            train(model, optimizer, loss_fn, steps=1)
            writer.add_scalar("mine/metric", step, step)


@pytest.mark.parametrize("kind", WRITERS)
def test_one_file_holds_the_users_tags_and_ours(kind: Any, tmp_path: Path) -> None:
    writer = kind(str(tmp_path))
    watched(writer, steps=60)
    writer.add_scalar("mine/after", 1.0, 60)  # it is still open
    writer.close()
    event_file(tmp_path)  # the only one
    run = torchvitals.read(tmp_path)
    assert run.problems == ()
    for tag in ("mine/metric", "loss/train", "grad_norm/0.weight"):
        assert run.scalars[Tag.parse(tag)].step.tolist() == list(range(60)), tag
    assert Tag.parse("mine/after") in run.scalars
    assert run.manifest is not None
    assert run.manifest.model == "Sequential"
    assert "parameters-not-optimized" in run.texts["torchvitals/findings"]


@pytest.mark.parametrize("kind", WRITERS)
def test_values_and_steps_are_those_of_a_log_of_our_own(kind: Any, tmp_path: Path) -> None:
    writer = kind(str(tmp_path / "theirs"))
    watched(writer)
    writer.close()
    model, loss_fn = net(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model[0].parameters(), lr=0.1)
    with torchvitals.watch(model, optimizer, logdir=tmp_path / "own", loss_fn=loss_fn, every=1):
        train(model, optimizer, loss_fn, steps=10)
    theirs, own = torchvitals.read(tmp_path / "theirs"), torchvitals.read(tmp_path / "own")
    assert set(theirs.scalars) == {*own.scalars, Tag.parse("mine/metric")}
    for tag, series in own.scalars.items():
        if tag.subject != "loop":  # the time that steps take
            assert np.array_equal(theirs.scalars[tag].value, series.value, equal_nan=True), tag
        assert theirs.scalars[tag].step.tolist() == series.step.tolist()
    assert {t: len(s) for t, s in theirs.histograms.items()} == {t: len(s) for t, s in own.histograms.items()}


def test_its_hyperparameters_and_layout_stay_the_users(tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_custom_scalars({"Mine": {"metric": ["Multiline", ["mine/metric"]]}})
        watched(writer)
    tags = [v.tag for e in events_of(event_file(tmp_path)) for v in e.summary.value]
    assert tags.count("custom_scalars__config__") == 1
    assert not [t for t in tags if t.startswith("_hparams_")]


def test_events_pass_where_mirroring_tools_listen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch.utils.tensorboard.writer import FileWriter

    seen: list[tuple[Any, ...]] = []
    plain = FileWriter.add_event

    def listen(self: FileWriter, *args: Any) -> None:
        seen.append(args)
        plain(self, *args)

    monkeypatch.setattr(FileWriter, "add_event", listen)
    with SummaryWriter(str(tmp_path)) as writer:
        watched(writer)
    steps = [args[1] for args in seen if any(v.tag == "loss/train" for v in args[0].summary.value)]
    assert steps == list(range(10)), "the step is the second positional argument"


def test_a_writer_closed_too_early_opens_a_file_for_the_rest(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model, loss_fn = net(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model[0].parameters(), lr=0.1)
    with SummaryWriter(str(tmp_path)) as writer:
        vitals = torchvitals.watch(model, optimizer, writer=writer, loss_fn=loss_fn, every=1)
        train(model, optimizer, loss_fn, steps=60)
    vitals.close()
    writer.close()
    run = torchvitals.read(tmp_path)
    assert run.steps.tolist() == list(range(60))
    assert "parameters-not-optimized" in run.texts["torchvitals/findings"]
    assert (run.problems, caplog.messages) == ((), [])
    accumulator = EventAccumulator(str(tmp_path), size_guidance={"scalars": 0}).Reload()
    assert [p.step for p in accumulator.Scalars("loss/train")] == list(range(60))


@pytest.mark.parametrize("package", ["torch.utils.tensorboard", "tensorboardX"])
def test_nothing_is_lost_when_the_program_just_ends(package: str, tmp_path: Path) -> None:
    program = f"""
import sys, torch, torchvitals
from torch import nn
from {package} import SummaryWriter
model, loss_fn = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)), nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model[0].parameters(), lr=0.1)
writer = SummaryWriter(sys.argv[1])
vitals = torchvitals.watch(model, optimizer, writer=writer, loss_fn=loss_fn, every=1)
for _ in range(60):
    optimizer.zero_grad()
    loss_fn(model(torch.randn(8, 4)), torch.randint(0, 3, (8,))).backward()
    optimizer.step()
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""
    run = torchvitals.read(tmp_path)
    assert run.steps.tolist() == list(range(60))
    assert "parameters-not-optimized" in run.texts["torchvitals/findings"]


def test_a_writer_that_fails_is_reported_once_and_training_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Full:
        def add_event(self, _event: object, _step: int, _wall_time: float) -> None:
            raise OSError(28, "No space left on device")

        def get_logdir(self) -> str:
            return str(tmp_path)

    class Writer:
        def _get_file_writer(self) -> Full:
            return Full()

        def flush(self) -> None:
            raise OSError(28, "No space left on device")

    model, loss_fn = net(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with torchvitals.watch(model, optimizer, writer=Writer(), loss_fn=loss_fn, every=1):
        losses = train(model, optimizer, loss_fn, steps=5)
    assert len(losses) == 5
    assert len(caplog.messages) == 1
    assert "No space left" in caplog.messages[0]
    assert str(tmp_path) in caplog.messages[0]


def test_exactly_one_of_folder_and_writer(tmp_path: Path) -> None:
    model = net()
    with pytest.raises(RecordingError, match=r"one of logdir and writer, and neither is given; pass logdir="):
        torchvitals.watch(model)
    with SummaryWriter(str(tmp_path / "a")) as writer:
        before = event_file(tmp_path / "a").read_bytes()
        with pytest.raises(RecordingError, match="both are given"):
            torchvitals.watch(model, logdir=tmp_path / "b", writer=writer)
    assert event_file(tmp_path / "a").read_bytes() == before
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("wrong", ["runs/a", object(), nn.Linear(1, 1)])
def test_something_that_writes_no_events_is_refused(wrong: object) -> None:
    with pytest.raises(RecordingError, match=re.escape(f"writer={type(wrong).__name__} has no event file")):
        torchvitals.watch(net(), writer=wrong)


def test_a_forked_child_leaves_the_users_writer_alone(tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path)) as writer:
        sink = TensorBoardSink(writer=writer)
        child = os.fork()
        if child == 0:
            for step in range(50):  # more than the queue holds
                sink.write_text(Tag(measure="of_the_child"), "x", step)
            sink.close()
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        sink.write_text(Tag(measure="of_the_parent"), "x", 0)
        sink.close()
    tags = {v.tag for e in events_of(event_file(tmp_path)) for v in e.summary.value}
    assert tags == {"of_the_parent"}
