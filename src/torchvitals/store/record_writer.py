"""PyTorch's event writer with a native checksum; its own would hold the interpreter lock for 2 ms on every 10 kB."""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Callable
from typing import Any

from torchvitals.core.checksum import masked_crc32c


class NativeRecordWriter:
    """Frames records into a file: length, its checksum, data, its checksum.

    It runs in the event writer's thread, where an exception would end the thread with a traceback on the user's terminal and
    come back from every later call. So an error is handed to `on_error`, and what comes after it is dropped.
    """

    def __init__(self, file: Any, on_error: Callable[[Exception], None], size: int = 0) -> None:
        self._file = file
        self._on_error = on_error
        self._size = size  # bytes of whole records
        self._failed = False

    def write(self, data: bytes) -> None:
        """Append one record."""
        header = struct.pack("<Q", len(data))
        record = header + struct.pack("<I", masked_crc32c(header)) + data + struct.pack("<I", masked_crc32c(data))
        self._try(self._file.write, record)
        self._size += len(record)

    def flush(self) -> None:
        """Flush the file."""
        self._try(self._file.flush)

    def close(self) -> None:
        """Close the file."""
        self._try(self._file.close)

    @property
    def closed(self) -> bool:
        """Whether the file is closed."""
        return bool(self._file.closed)

    def _try(self, call: Callable[..., Any], *args: Any) -> None:
        if self._failed:
            return
        try:
            call(*args)
        except Exception as error:
            self._failed = True
            self._cut_off_the_torn_record()
            self._on_error(error)

    def _cut_off_the_torn_record(self) -> None:
        """A full disk may have taken half a record; without it, the file ends as a sound one does."""
        path = getattr(self._file, "filename", None)
        with contextlib.suppress(OSError):
            if path is not None and os.stat(path).st_size > self._size:  # noqa: PTH116 - the path may be bytes
                os.truncate(path, self._size)


def use_native_checksum(writer: Any, on_error: Callable[[Exception], None]) -> None:
    """Put our record writer into this one `FileWriter`; where its inside looks different, it keeps its own."""
    asynchronous = getattr(writer.event_writer, "_async_writer", None)
    thread = getattr(asynchronous, "_worker", None)
    plain = getattr(asynchronous, "_writer", None)
    file = getattr(plain, "_writer", None)
    path = getattr(file, "filename", None)
    if asynchronous is None or thread is None or path is None or not hasattr(thread, "_record_writer"):
        return
    writer.flush()  # nothing may be half written by the other one
    native = NativeRecordWriter(file, on_error, os.stat(path).st_size)  # noqa: PTH116 - the path may be bytes
    asynchronous._writer = native
    thread._record_writer = native
