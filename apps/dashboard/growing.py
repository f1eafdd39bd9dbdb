"""One log that may still be written: read once, and from then on only what has come to it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.run import Run
from torchvitals.errors import LogError, LogNotFoundError
from torchvitals.reading.foreign import understood
from torchvitals.reading.reader import Reader, run_name
from torchvitals.reading.role_settings import role_maps
from torchvitals.reading.source import event_files
from torchvitals.reading.split_runs import join


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A run and what is wrong with it."""

    run: Run
    diagnosis: Diagnosis


class Log:
    """The log of one run, or of a training and its validation in two folders. Shared by everyone who has the page open."""

    def __init__(self, path: Path, parts: tuple[Path, ...]) -> None:
        self._path = path
        self._readers = tuple(Reader(part) for part in parts)
        self._latest: list[Run | None] = [None for _ in parts]
        self._run: Run | None = None
        self._opened: Opened | None = None
        self._lock = threading.RLock()

    @property
    def was_read(self) -> bool:
        """Whether the whole of it has been read and judged before: what is left is little."""
        return self._opened is not None

    def run(self) -> Run:
        """The run as it is now: the same value as long as nothing has come to the log.

        Raises:
            LogError: nothing can be read there, or nothing any more.
            ConfigError: the environment or pyproject.toml gives a tag a role that there is not.
        """
        with self._lock:
            if self._run is not None and not all(event_files(reader.path) for reader in self._readers):
                raise LogNotFoundError(f"{self._path}: its event files are gone; open another run, or record it again")
            fresh = [reader.poll() for reader in self._readers]
            if self._run is None or any(run is not None for run in fresh):
                self._latest = [self._usable(*each) for each in zip(self._readers, fresh, self._latest, strict=True)]
                self._run = understood(self._joined(), role_maps(None))
            return self._run

    def opened(self) -> Opened:
        """The run as it is now, judged once; of a run that has grown since nothing is kept.

        Raises:
            TorchvitalsError: see `run`, and for what the settings of the rules may have wrong.
        """
        from torchvitals.diagnosis.engine import diagnose

        with self._lock:
            run = self.run()
            if self._opened is None or self._opened.run is not run:
                self._opened = Opened(run=run, diagnosis=diagnose(run))
            return self._opened

    def _usable(self, reader: Reader, fresh: Run | None, before: Run | None) -> Run:
        run = fresh if fresh is not None else before
        # A log without one measurement is read again, for the reason why there is none.
        return run if run is not None and (run.measures or run.images) else reader.read()

    def _joined(self) -> Run:
        first, *others = [run for run in self._latest if run is not None]
        if not others:
            return first
        both = join(first, others[0], name=run_name(self._path), path=str(self._path))
        if both is None:
            raise LogError(f"{self._path}: one of its two folders is a whole run of its own; open the folders themselves")
        return both
