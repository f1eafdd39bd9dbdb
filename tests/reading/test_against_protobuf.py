"""Whatever an event file holds, the reader takes out of it what protobuf's own parser does."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading.events import Point, event_file, logs, twin

from torchvitals.core.run import Run
from torchvitals.errors import LogError
from torchvitals.reading import log
from torchvitals.reading.reader import Reader, read

ASCENDING = st.integers(0, 10_000)


def write(folder: str, data: bytes, name: str = "events.out.tfevents.1") -> Path:
    path = Path(folder) / name
    path.write_bytes(data)
    return path


def points(run: Run) -> dict[str, list[Point]]:
    return {str(tag): list(zip(s.step.tolist(), s.value.tolist(), strict=True)) for tag, s in run.scalars.items()}


def read_points(folder: str) -> dict[str, list[Point]]:
    try:
        return points(read(folder))
    except LogError:
        return {}


def by_step(found: dict[str, list[Point]]) -> dict[str, list[str]]:
    """Comparable also where NaN stands; in the order of the steps, as written where they are equal."""
    return {tag: [repr(p) for p in sorted(pairs, key=lambda p: p[0])] for tag, pairs in found.items()}


def is_subset(part: dict[str, list[Point]], whole: dict[str, list[Point]]) -> bool:
    return all({repr(p) for p in pairs} <= {repr(p) for p in whole.get(tag, [])} for tag, pairs in part.items())


@settings(max_examples=150, deadline=None)
@given(logs())
def test_every_number_of_every_event(events: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write(folder, event_file(events))
        assert by_step(read_points(folder)) == by_step(twin(events))


@pytest.mark.parametrize("block", [1, 40, 333])
@settings(max_examples=40, deadline=None)
@given(events=logs())
def test_the_size_of_the_blocks_does_not_matter(block: int, events: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(log, "BLOCK", block)
        write(folder, event_file(events))
        assert by_step(read_points(folder)) == by_step(twin(events))


@settings(max_examples=60, deadline=None)
@given(events=logs(), data=st.data())
def test_any_cut_leaves_the_right_prefix(events: list[Any], data: st.DataObject) -> None:
    whole = event_file(events)
    cut = data.draw(st.integers(0, len(whole)))
    with tempfile.TemporaryDirectory() as folder:
        write(folder, whole[:cut])
        found = read_points(folder)
        prefixes = (by_step(twin(events[:n])) for n in range(len(events) + 1))
        assert by_step(found) in prefixes


@settings(max_examples=100, deadline=None)
@given(events=logs(), data=st.data())
def test_any_flipped_bit_is_reported_and_gives_no_wrong_number(events: list[Any], data: st.DataObject) -> None:
    whole = bytearray(event_file(events))
    position = data.draw(st.integers(0, len(whole) - 1))
    whole[position] ^= 1 << data.draw(st.integers(0, 7))
    with tempfile.TemporaryDirectory() as folder:
        write(folder, bytes(whole))
        reader = Reader(folder)
        run = reader.poll()
        assert run is not None
        assert run.problems
        assert is_subset(points(run), twin(events))


@settings(max_examples=60, deadline=None)
@given(first=logs(steps=ASCENDING), second=logs(steps=ASCENDING))
def test_two_files_lose_no_point(first: list[Any], second: list[Any]) -> None:
    """What a later file takes up again is kept apart, and nothing is in neither place."""
    with tempfile.TemporaryDirectory() as folder:
        write(folder, event_file(first), "events.out.tfevents.1")
        write(folder, event_file(second), "events.out.tfevents.2")
        run = Reader(folder).poll()
        assert run is not None
        kept = points(run)
        for tag, series in run.superseded.items():
            kept.setdefault(str(tag), []).extend(zip(series.step.tolist(), series.value.tolist(), strict=True))
        assert _multiset(kept) == _multiset(twin([*first, *second]))


@settings(max_examples=60, deadline=None)
@given(events=logs(), data=st.data())
def test_following_a_growing_file_ends_where_reading_it_whole_does(events: list[Any], data: st.DataObject) -> None:
    whole = event_file(events)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    with tempfile.TemporaryDirectory() as folder:
        reader = Reader(folder)
        last: Run | None = None
        for cut in [*cuts, len(whole)]:
            write(folder, whole[:cut])
            last = reader.poll() or last
            assert reader.poll() is None
        assert last is not None
        assert by_step(points(last)) == by_step(twin(events))


def _multiset(found: dict[str, list[Point]]) -> dict[str, list[str]]:
    return {tag: sorted(map(repr, pairs)) for tag, pairs in found.items() if pairs}


def test_the_wall_time_and_large_steps_survive(tmp_path: Path) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    steps: Iterable[int] = (0, 1, 127, 128, 16_384, 2**31, 2**53 + 1)
    events = [
        Event(wall_time=1e9 + i, step=s, summary=Summary(value=[Summary.Value(tag="x", simple_value=i)]))
        for i, s in enumerate(steps)
    ]
    write(str(tmp_path), event_file(events))
    (series,) = read(tmp_path).scalars.values()
    assert series.step.tolist() == list(steps)
    assert series.wall_time is not None
    np.testing.assert_array_equal(series.wall_time, 1e9 + np.arange(7))
