"""From a path to runs."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from torchvitals.core.run import Run
from torchvitals.errors import EmptyLogError, LogError, LogNotFoundError
from torchvitals.reading.assemble import assemble
from torchvitals.reading.log import RunLog
from torchvitals.reading.source import is_url

MANIFEST_TAG = "torchvitals/manifest"


def find_runs(path: str | Path) -> list[Path]:
    """Every folder at or below a path that holds an event file, sorted; the file itself when the path is one.

    Raises:
        LogNotFoundError: there is nothing at that path.
    """
    root = Path(path)
    if not root.exists():
        raise LogNotFoundError(f"{root}: no such file or folder; pass the logdir that torchvitals.watch was given")
    if root.is_file():
        return [root]
    return sorted({p.parent for p in root.rglob("*tfevents*") if p.is_file()})


def read(path: str | Path) -> Run:
    """Read one run: a folder with event files, one event file, or a URL of either.

    Raises:
        LogNotFoundError: there is nothing at that path.
        EmptyLogError: no event file there, or none with a point in it.
        LogError: the folder holds several runs, or the file is not an event file.
        MissingDependencyError: the path is a URL and fsspec, or its driver for that protocol, is not installed.
    """
    return Reader(path).read()


class Reader:
    """Reads a run, and again what has come to it since: a `poll` costs next to nothing when nothing has."""

    def __init__(self, path: str | Path) -> None:
        self.path = path
        self._log = RunLog(path, ours=MANIFEST_TAG)

    def poll(self) -> Run | None:
        """The run as it is now; None when nothing has come to the log since the last call.

        Raises:
            LogNotFoundError: the log is gone.
        """
        return self._run() if self._log.poll() else None

    def read(self) -> Run:
        """The run as it is now.

        Raises:
            LogError: see `read`.
        """
        self._log.poll()
        files = self._log.files
        if not files:
            raise self._nothing()
        if any(f.size for f in files) and not any(f.records for f in files):
            problem = next(iter(self._log.problems()))
            raise LogError(f"{self.path}: not a TensorBoard event file ({problem}); pass the logdir given to torchvitals.watch")
        run = self._run()
        if not run.measures and not run.images:
            raise EmptyLogError(
                f"{self.path}: the log holds no measurement yet; was a training step taken after torchvitals.watch?"
            )
        return run

    def _run(self) -> Run:
        return assemble(self._log, name=run_name(self.path), manifest_tag=MANIFEST_TAG)

    def _nothing(self) -> LogError:
        missing = f"{self.path}: no TensorBoard event file (…tfevents…) here; pass the logdir given to torchvitals.watch"
        if is_url(self.path):
            return EmptyLogError(missing)
        root = Path(self.path)
        runs = [r for r in find_runs(root) if r != root]
        if not runs:
            return EmptyLogError(missing)
        names = ", ".join(str(r.relative_to(root)) for r in runs[:5])
        return LogError(f"{root} holds {len(runs)} runs ({names}{', …' if len(runs) > 5 else ''}); pass one of them")


def run_name(path: str | Path) -> str:
    """The folder's name, also when the path is a file in it."""
    pure = PurePosixPath(str(path).partition("://")[2]) if is_url(path) else Path(path)
    return (pure.parent.name or pure.name) if "tfevents" in pure.name else pure.name
