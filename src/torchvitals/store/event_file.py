"""Where Events go: a file of our own in a folder, or the writer that the user already has."""

from __future__ import annotations

import importlib
import mmap
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, Protocol

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from torch.utils.tensorboard.writer import FileWriter

from torchvitals.errors import RecordingError
from torchvitals.store.record_writer import use_native_checksum

OURS = b"torchvitals/manifest"  # a tag that only our recorder writes
FRESH = 120  # bytes of a file that holds no value yet
HEAD = 16 << 20  # bytes in which it stands, if it does: it comes with the first step


class EventFile(Protocol):
    """Takes Events."""

    logdir: str
    shared: bool  # the user writes into it as well

    def append(self, event: Any, step: int, wall_time: float) -> None:
        """Append one Event."""

    def flush(self) -> None:
        """Bring everything appended to where a reader finds it."""

    def close(self) -> None:
        """Release what is ours."""


class OwnFile:
    """A new event file in a folder.

    It goes through PyTorch's own `FileWriter`, the door that tools which mirror TensorBoard logs listen at.

    Where all event files that are already there are ours, this one takes the training up again: what they hold from its
    first step on is to be hidden, which is what a SessionLog START says to TensorBoard. A file of the user's own among them
    would be hidden too, so then it is left out, and TensorBoard shows both attempts.

    Raises:
        OSError: the folder cannot be made or written to.
    """

    shared = False

    def __init__(self, logdir: str | Path, on_error: Callable[[Exception], None]) -> None:
        folder = Path(logdir)
        self.logdir = str(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:  # here an error is an exception, not one in another thread
            probe.write(b"?")
        authors = {path.name: _author(path) for path in folder.glob("*tfevents*")}
        self._again = set(authors.values()) - {"nobody"} == {"us"}
        _wait_for_a_later_second([name for name, author in authors.items() if author == "us"])
        self._writer: Any = FileWriter(self.logdir)
        use_native_checksum(self._writer, on_error)

    def append(self, event: Any, step: int, wall_time: float) -> None:
        """Append one Event."""
        if self._again:
            self._again = False
            self._writer.add_event(Event(session_log=SessionLog(status=SessionLog.START)), step, wall_time)
        self._writer.add_event(event, step, wall_time)  # positionally: that is where mirroring tools look for the step

    def flush(self) -> None:
        """Bring everything to the file."""
        self._writer.flush()

    def close(self) -> None:
        """Flush and close the file."""
        self._writer.close()


class UsersFile:
    """The event file of a `SummaryWriter` that the user passed. It stays theirs: it is never closed here.

    Raises:
        RecordingError: it is nothing that Events can be written through.
    """

    shared = True

    def __init__(self, writer: Any) -> None:
        try:
            door = writer._get_file_writer()
            self.logdir = str(door.get_logdir())
            self._event: type[Any] = _event_class(door)
        except (AttributeError, TypeError, ImportError) as error:
            raise RecordingError(
                f"writer={type(writer).__name__} has no event file to write to ({error}); pass a "
                "torch.utils.tensorboard.SummaryWriter, or pass logdir instead"
            ) from error
        self._writer = writer

    def append(self, event: Any, step: int, wall_time: float) -> None:
        """Append one Event."""
        if self._event is not Event:
            event = self._event.FromString(event.SerializeToString())
        # Asked for each time: after `close`, a SummaryWriter opens a new file for whoever goes on.
        self._writer._get_file_writer().add_event(event, step, wall_time)

    def flush(self) -> None:
        """Bring everything to the file."""
        self._writer.flush()

    def close(self) -> None:
        """Flush, and leave it open."""
        self._writer.flush()


def _event_class(door: Any) -> type[Any]:
    """The Event that this writer takes: tensorboardX has a copy of its own and accepts no other."""
    if not callable(door.add_event):
        raise TypeError("its add_event cannot be called")
    package = type(door).__module__.partition(".")[0]
    if package != "tensorboardX":
        return Event  # type: ignore[no-any-return]
    return importlib.import_module(f"{package}.proto.event_pb2").Event  # type: ignore[no-any-return]


def _wait_for_a_later_second(earlier: Iterable[str]) -> None:
    """Event files are read in the order of their names, which start with the second in which they were opened."""
    now = time.time()
    if any(name.partition("tfevents.")[2].startswith(f"{int(now):010d}.") for name in earlier):
        time.sleep(1.001 - now % 1)


def _author(path: Path) -> Literal["us", "nobody", "others"]:
    """Who wrote an event file; nobody, when it holds no more than its version."""
    try:
        if path.stat().st_size <= FRESH:
            return "nobody"
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return "us" if data.find(OURS, 0, HEAD) >= 0 else "others"
    except OSError:  # not ours to read
        return "others"
