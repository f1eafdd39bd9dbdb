"""Where the bytes of an event file come from: a local file by memory map, anything else by ranged reads."""

from __future__ import annotations

import mmap
import os
import re
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from torchvitals.errors import LogNotFoundError, MissingDependencyError

PAGE = mmap.ALLOCATIONGRANULARITY


class Source(Protocol):
    """A file that may be growing."""

    @property
    def name(self) -> str:
        """Its name without folders."""

    def state(self) -> tuple[int, int]:
        """What tells this file from another of the same name, and how many bytes it holds now."""

    def read(self, start: int, length: int) -> bytes:
        """The bytes [start, start + length), fewer at the end of the file."""


class LocalFile:
    """A file of this machine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._map: mmap.mmap | None = None

    @property
    def name(self) -> str:
        """Its name without folders."""
        return self.path.name

    def state(self) -> tuple[int, int]:
        """Inode and size."""
        found = os.stat(self.path)  # noqa: PTH116 - twice as fast as Path.stat, and polled all the time
        return found.st_ino, found.st_size

    def read(self, start: int, length: int) -> bytes:
        """Copy the bytes out of the map, and let go of the pages, so that a large file does not fill the memory."""
        size = self.state()[1]
        if size == 0 or start >= size:
            return b""
        if self._map is None or len(self._map) < min(start + length, size):
            self.close()
            with self.path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        data = self._map[start : start + length]
        if hasattr(mmap, "MADV_DONTNEED") and length >= PAGE:
            first = start // PAGE * PAGE
            self._map.madvise(mmap.MADV_DONTNEED, first, min(len(self._map), start + length) - first)
        return data

    def close(self) -> None:
        """Unmap the file."""
        if self._map is not None:
            self._map.close()
            self._map = None


class RemoteFile:
    """A file at any address that fsspec can read a range of."""

    def __init__(self, filesystem: Any, path: str) -> None:
        self.path = path
        self._filesystem = filesystem

    @property
    def name(self) -> str:
        """Its name without folders."""
        return PurePosixPath(self.path).name

    def state(self) -> tuple[int, int]:
        """Zero, because addresses have no inode, and the size."""
        self._filesystem.invalidate_cache()
        return 0, int(self._filesystem.info(self.path)["size"])

    def read(self, start: int, length: int) -> bytes:
        """One ranged read."""
        data = self._filesystem.cat_file(self.path, start=start, end=start + length)
        return bytes(data)


def is_url(path: str | Path) -> bool:
    """Whether a path names a protocol, so that it is not one of this machine."""
    return "://" in str(path)


def oldest_first(name: str) -> list[tuple[int, str]]:
    """A key that sorts event files as they were opened: their names hold the second and a counter, both as plain numbers.

    Example:
        >>> sorted(["a.10.x", "a.9.x"], key=oldest_first)
        ['a.9.x', 'a.10.x']
    """
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def event_files(path: str | Path) -> list[Source]:
    """The event files of one run, oldest first: those directly in a folder, or the one file itself.

    Raises:
        LogNotFoundError: there is nothing at that path.
        MissingDependencyError: the path is a URL and fsspec, or its driver for that protocol, is not installed.
    """
    if is_url(path):
        return [RemoteFile(filesystem, found) for filesystem, found in _remote_files(str(path))]
    root = Path(path)
    if not root.exists():
        raise LogNotFoundError(f"{root}: no such file or folder; pass the logdir that torchvitals.watch was given")
    return [
        LocalFile(p)
        for p in ([root] if root.is_file() else sorted(root.glob("*tfevents*"), key=lambda p: oldest_first(p.name)))
        if p.is_file()
    ]


def _remote_files(url: str) -> list[tuple[Any, str]]:
    try:
        import fsspec

        filesystem, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise MissingDependencyError(f"{url} needs fsspec with a driver for it ({error}); run: pip install fsspec") from error
    # Asking a web server whether something is a file can mean fetching all of it.
    if "tfevents" in PurePosixPath(path).name or filesystem.isfile(path):
        return [(filesystem, path)]
    try:
        listed = [entry["name"] for entry in filesystem.ls(path, detail=True)]
    except (FileNotFoundError, NotADirectoryError) as error:
        raise LogNotFoundError(f"{url}: nothing there; pass the logdir that torchvitals.watch was given") from error
    return [(filesystem, name) for name in sorted(listed, key=oldest_first) if "tfevents" in PurePosixPath(name).name]
