"""The runs a command was pointed at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from torchvitals.errors import LogError

if TYPE_CHECKING:
    from torchvitals.core.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What could be read below a path, and what could not."""

    runs: tuple[Run, ...]
    errors: tuple[LogError, ...]  # one for each run that could not be read


def read_runs(logdir: str | Path) -> Found:
    """Read every run at or below a path; several runs are named by their path below it.

    Raises:
        LogError: there is nothing to read at all; with a single run, why it could not be read.
    """
    from torchvitals.reading.reader import find_runs, read

    root = Path(logdir)
    runs: list[Run] = []
    errors: list[LogError] = []
    for path in find_runs(root) or [root]:
        try:
            run = read(path)
        except LogError as error:
            errors.append(error)
        else:
            runs.append(run if path == root else replace(run, name=path.relative_to(root).as_posix()))
    if not runs:
        raise errors[0]
    return Found(runs=tuple(runs), errors=tuple(errors))
