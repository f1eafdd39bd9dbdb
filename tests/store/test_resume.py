"""Training taken up again in the same folder: TensorBoard and our reader hide the same abandoned tail."""

from __future__ import annotations

from pathlib import Path

import pytest
from event_files import events_of
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import SessionLog
from tensorboard.summary.writer import event_file_writer
from torch.utils.tensorboard import SummaryWriter

import torchvitals
from torchvitals.core.manifest import Manifest
from torchvitals.core.step_record import StepRecord
from torchvitals.core.tag import Tag
from torchvitals.store.tensorboard import TensorBoardSink

LOSS, OLD = Tag(measure="loss", subject="train"), Tag(measure="grad_norm", subject="old_layer")


@pytest.fixture(autouse=True)
def numbers_of_one_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of one second are told apart by a number, and read by name: the tenth would come before the ninth."""
    monkeypatch.setattr(event_file_writer, "_global_uid", event_file_writer.AtomicCounter(100))


def attempt(folder: Path, first: int, last: int, *extra: Tag, writer: SummaryWriter | None = None) -> Path | None:
    """Record the steps [first, last); the new file, if there is one."""
    before = files(folder)
    sink = TensorBoardSink(folder) if writer is None else TensorBoardSink(writer=writer)
    for step in range(first, last):
        if step == first:
            sink.write_manifest(Manifest(model=f"from {first}"), step)
        sink.write(
            StepRecord(step=step, wall_time=1.0 + step, scalars=tuple((t, float(first + step / 100)) for t in (LOSS, *extra)))
        )
    sink.close()
    return next(iter(files(folder) - before), None)


def files(folder: Path) -> set[Path]:
    return set(folder.glob("*tfevents*"))


def starts(path: Path) -> list[int]:
    """Steps of the SessionLog STARTs of a file."""
    return [e.step for e in events_of(path) if e.HasField("session_log") and e.session_log.status == SessionLog.START]


def in_tensorboard(folder: Path) -> dict[str, list[tuple[int, float]]]:
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    return {t: [(p.step, round(p.value, 3)) for p in accumulator.Scalars(t)] for t in accumulator.Tags()["scalars"]}


def test_the_abandoned_tail_is_hidden_and_the_earlier_file_untouched(tmp_path: Path) -> None:
    earlier = attempt(tmp_path, 0, 10, OLD)
    assert earlier is not None
    content = earlier.read_bytes()
    later = attempt(tmp_path, 6, 9)
    assert later is not None
    assert earlier.read_bytes() == content
    assert (starts(earlier), starts(later)) == ([], [6])

    run = torchvitals.read(tmp_path)
    assert run.scalars[LOSS].step.tolist() == list(range(9))
    assert run.scalars[LOSS].value.tolist() == pytest.approx([*(s / 100 for s in range(6)), 6.06, 6.07, 6.08])
    assert run.superseded[LOSS].step.tolist() == [6, 7, 8, 9]
    assert run.superseded[OLD].step.tolist() == [6, 7, 8, 9], "of a layer that the later attempt lacks as well"
    assert run.manifest is not None
    assert run.manifest.model == run.hparams["model"] == "from 6"

    shown = in_tensorboard(tmp_path)
    for tag in (LOSS, OLD):
        assert [step for step, _ in shown[str(tag)]] == run.scalars[tag].step.tolist()
        assert [value for _, value in shown[str(tag)]] == pytest.approx(run.scalars[tag].value.tolist(), abs=1e-3)


def test_an_attempt_within_the_same_second_comes_later_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_file_writer, "_global_uid", event_file_writer.AtomicCounter(9))
    paths = [attempt(tmp_path, first, 10) for first in (0, 5)]
    assert paths == sorted(files(tmp_path))
    assert torchvitals.read(tmp_path).superseded[LOSS].step.tolist() == [5, 6, 7, 8, 9]


def test_a_first_attempt_says_nothing_of_a_restart(tmp_path: Path) -> None:
    path = attempt(tmp_path, 3, 6)
    assert path is not None
    assert starts(path) == []


def test_an_attempt_that_died_before_its_first_step_does_not_count(tmp_path: Path) -> None:
    attempt(tmp_path, 0, 0)
    path = attempt(tmp_path, 0, 5)
    assert path is not None
    assert starts(path) == []
    attempt(tmp_path, 0, 0)
    path = attempt(tmp_path, 2, 4)
    assert path is not None
    assert starts(path) == [2]
    assert torchvitals.read(tmp_path).scalars[LOSS].step.tolist() == [0, 1, 2, 3]


def test_a_file_of_the_users_own_is_not_hidden(tmp_path: Path) -> None:
    attempt(tmp_path, 0, 5)
    with SummaryWriter(str(tmp_path)) as writer:
        for step in range(20):
            writer.add_scalar("mine", step, step)
    path = attempt(tmp_path, 2, 4)
    assert path is not None
    assert starts(path) == []
    run = torchvitals.read(tmp_path)
    assert len(run.scalars[Tag(measure="mine")]) == 20
    assert run.scalars[LOSS].step.tolist() == [0, 1, 2, 3]
    assert len(in_tensorboard(tmp_path)["mine"]) == 20


def test_in_a_writer_of_the_user_nothing_is_purged_but_by_the_user(tmp_path: Path) -> None:
    attempt(tmp_path, 0, 5)
    before = files(tmp_path)
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("mine", 1.0, 0)
        attempt(tmp_path, 2, 4, writer=writer)
    (path,) = files(tmp_path) - before
    assert starts(path) == []
    run = torchvitals.read(tmp_path)
    assert run.scalars[LOSS].step.tolist() == [0, 1, 2, 3]
    assert Tag(measure="mine") in run.scalars
