"""Damaged files: what is intact is read, what is not is said, and nothing wrong is ever handed on."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from event_files import HEADER, LENGTH, event_file, flipped, record_starts

import torchvitals
from torchvitals.core.checksum import masked_crc32c
from torchvitals.core.run import Run
from torchvitals.diagnosis.gate import MIN_POINTS
from torchvitals.reading.scan import scan

INCOMPLETE, CORRUPTED, LOST = "the last record is incomplete", "a record is corrupted", "length is corrupted"


def framed(payload: bytes) -> bytes:
    length = struct.pack("<Q", len(payload))
    return length + struct.pack("<I", masked_crc32c(length)) + payload + struct.pack("<I", masked_crc32c(payload))


def read_bytes(folder: Path, data: bytes) -> Run:
    folder.mkdir(exist_ok=True)
    (folder / "events.out.tfevents.1").write_bytes(data)
    return torchvitals.read(folder)


def assert_part_of(part: Run, whole: Run) -> None:
    """Every point of `part` is a point of `whole`."""
    for tag, series in part.scalars.items():
        full = whole.scalars[tag]
        here = np.isin(full.step, series.step)
        assert full.step[here].tolist() == series.step.tolist()
        np.testing.assert_array_equal(full.value[here], series.value)


def payloads_of(data: bytes) -> list[bytes]:
    found = scan(data)
    return [data[start : start + length] for start, length in zip(found.start, found.length, strict=True)]


def test_a_cut_anywhere_costs_only_what_is_behind_it() -> None:
    payloads = [b"", b"a", b"bc" * 9]
    data = b"".join(framed(p) for p in payloads)
    starts = [*record_starts(data), len(data)]
    for cut in range(len(data) + 1):
        found = scan(data[:cut])
        assert payloads_of(data[:cut]) == payloads[: sum(start <= cut for start in starts[1:])]
        assert found.used == max(start for start in starts if start <= cut)
        assert not found.lost
        assert not found.corrupt.size


def test_any_flipped_byte_is_noticed_and_never_handed_on() -> None:
    payloads = [b"first", b"second one", b"third"]
    data = b"".join(framed(p) for p in payloads)
    for position in range(len(data)):
        damaged = flipped(data, position)
        found = scan(damaged)
        assert found.lost or found.corrupt.size == 1
        assert [p for p in payloads_of(damaged) if p not in payloads] == []


def test_a_truncated_tail_never_raises_and_never_lies(logdir: Path, tmp_path: Path) -> None:
    """As a reader sees a log that is still being written: cut at every byte of the last record."""
    data, whole = event_file(logdir).read_bytes(), torchvitals.read(logdir)
    last = record_starts(data)[-1]
    for cut in range(last + 1, len(data), 7):
        run = read_bytes(tmp_path, data[:cut])
        assert_part_of(run, whole)
        assert INCOMPLETE in run.problems[0]
    assert read_bytes(tmp_path, data[:last]).problems == ()


def test_a_log_cut_anywhere_is_diagnosed_or_refused(logdir: Path, tmp_path: Path) -> None:
    data, whole = event_file(logdir).read_bytes(), torchvitals.read(logdir)
    for cut in np.linspace(0, len(data), 40, dtype=int):
        try:
            run = read_bytes(tmp_path, data[:cut])
        except torchvitals.TorchvitalsError as error:
            assert str(tmp_path) in str(error)  # noqa: PT017
        else:
            assert_part_of(run, whole)
            assert torchvitals.diagnose(run).verdict == ("healthy" if len(run.steps) >= MIN_POINTS else "unknown")


def test_a_flipped_data_byte_costs_one_record_and_is_said(logdir: Path, tmp_path: Path) -> None:
    data, whole = event_file(logdir).read_bytes(), torchvitals.read(logdir)
    start = record_starts(data)[4]
    run = read_bytes(tmp_path, flipped(data, start + HEADER + 20))
    assert_part_of(run, whole)
    assert len(run.steps) == len(whole.steps) - 1
    (problem,) = run.problems
    assert CORRUPTED in problem
    assert f"byte {start}" in problem
    assert torchvitals.diagnose(run).problems == run.problems


@pytest.mark.parametrize("byte", [0, LENGTH - 1, LENGTH, HEADER - 1])
def test_a_corrupted_length_ends_the_file_and_is_said(logdir: Path, tmp_path: Path, byte: int) -> None:
    data, whole = event_file(logdir).read_bytes(), torchvitals.read(logdir)
    run = read_bytes(tmp_path, flipped(data, record_starts(data)[5] + byte))
    assert_part_of(run, whole)
    assert 0 < len(run.steps) < len(whole.steps) - 1
    assert LOST in run.problems[0]


def test_a_record_that_is_no_event_is_left_out_and_said(logdir: Path, tmp_path: Path) -> None:
    data = event_file(logdir).read_bytes()
    run = read_bytes(tmp_path, data + framed(b"\xff\xff not an event"))
    assert len(run.steps) == 12
    assert "not an Event" in run.problems[0]
