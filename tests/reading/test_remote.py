"""Logs that lie elsewhere: any fsspec address, by ranged reads."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from event_files import event_file

import torchvitals
from torchvitals.cli.runs import read_runs
from torchvitals.core.run import Run
from torchvitals.errors import EmptyLogError, LogNotFoundError, MissingDependencyError
from torchvitals.reading.reader import Reader


def assert_same(one: Run, other: Run) -> None:
    assert one.scalars.keys() == other.scalars.keys()
    for tag, series in one.scalars.items():
        np.testing.assert_array_equal(series.step, other.scalars[tag].step)
        np.testing.assert_array_equal(series.value, other.scalars[tag].value)
    for tag, histograms in one.histograms.items():
        np.testing.assert_array_equal(histograms.value[-1].count, other.histograms[tag].value[-1].count)
    assert one.manifest == other.manifest


@pytest.fixture
def memory() -> Iterator[Any]:
    filesystem = fsspec.filesystem("memory")
    filesystem.makedirs("/runs/a", exist_ok=True)
    yield filesystem
    filesystem.rm("/runs", recursive=True)


def test_a_folder_in_memory(memory: Any, logdir: Path) -> None:
    memory.pipe_file("/runs/a/events.out.tfevents.1", event_file(logdir).read_bytes())
    memory.pipe_file("/runs/a/notes.txt", b"not a log")
    run = torchvitals.read("memory://runs/a")
    assert run.name == "a"
    assert_same(run, torchvitals.read(logdir))
    assert_same(torchvitals.read("memory://runs/a/events.out.tfevents.1"), run)
    assert torchvitals.diagnose("memory://runs/a").to_dict()["findings"] == torchvitals.diagnose(logdir).to_dict()["findings"]


def test_the_command_line_takes_an_address(memory: Any, logdir: Path) -> None:
    memory.pipe_file("/runs/a/events.out.tfevents.1", event_file(logdir).read_bytes())
    (run,) = read_runs("memory://runs/a").runs
    assert run.name == "a"
    assert_same(run, torchvitals.read(logdir))


def test_a_growing_remote_log_is_followed(memory: Any, logdir: Path) -> None:
    data = event_file(logdir).read_bytes()
    memory.pipe_file("/runs/a/events.out.tfevents.1", data[: len(data) // 2])
    reader = Reader("memory://runs/a")
    first = reader.poll()
    assert first is not None
    assert reader.poll() is None
    memory.pipe_file("/runs/a/events.out.tfevents.1", data)
    second = reader.poll()
    assert second is not None
    assert len(second.steps) > len(first.steps)
    assert_same(second, torchvitals.read(logdir))


@pytest.mark.usefixtures("memory")
def test_nothing_there() -> None:
    with pytest.raises(EmptyLogError, match="memory://runs/a: no TensorBoard event file"):
        torchvitals.read("memory://runs/a")
    with pytest.raises(LogNotFoundError, match="memory://runs/b"):
        torchvitals.read("memory://runs/b")


def test_an_unknown_protocol_says_what_to_install() -> None:
    with pytest.raises(MissingDependencyError, match="pip install fsspec"):
        torchvitals.read("nosuchprotocol://runs/a")


class Ranged(BaseHTTPRequestHandler):
    """A server of one file that answers ranged requests and counts the bytes it sends."""

    data = b""
    sent = 0

    def do_HEAD(self) -> None:
        self._answer(200, self.data, body=False)

    def do_GET(self) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if wanted is None:
            self._answer(200, self.data)
            return
        first, last = int(wanted[1]), min(int(wanted[2]), len(self.data) - 1)
        self._answer(206, self.data[first : last + 1], {"Content-Range": f"bytes {first}-{last}/{len(self.data)}"})

    def _answer(self, code: int, data: bytes, headers: dict[str, str] | None = None, *, body: bool = True) -> None:
        self.send_response(code)
        for name, value in ({"Accept-Ranges": "bytes", "Content-Length": str(len(data))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            type(self).sent += len(data)
            self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # fsspec leaves its session to the interpreter's end
def test_a_file_behind_http_is_read_by_ranges(logdir: Path) -> None:
    Ranged.data, Ranged.sent = event_file(logdir).read_bytes(), 0
    with ThreadingHTTPServer(("127.0.0.1", 0), Ranged) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        run = torchvitals.read(f"http://127.0.0.1:{server.server_port}/runs/a/events.out.tfevents.1")
        assert run.name == "a"
        assert Ranged.sent < 1.1 * len(Ranged.data)  # once, but for the version of a blob or two
        assert_same(run, torchvitals.read(logdir))
        server.shutdown()
        thread.join()
