"""The runs a command was pointed at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from torchvitals.errors import LogError

if TYPE_CHECKING:
    from torchvitals.core.run import Run

Mapped = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="TAG=ROLE",
        help="Read a tag of another tool's log as one of ours, as in train_loss=loss/train; may be repeated.",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What could be read below a path, and what could not."""

    runs: tuple[Run, ...]
    errors: tuple[LogError, ...]  # one for each run that could not be read


def read_runs(
    logdir: str | Path,
    *,
    mapped: Sequence[str] | None = None,
    as_written: bool = False,
    on_run: Callable[[int, int], None] = lambda _amount, _total: None,
) -> Found:
    """Read every run at or below a path; several runs are named by their path below it.

    Args:
        logdir: the path.
        mapped: what `--map` was given.
        as_written: leave the tags of other tools as they are.
        on_run: called with how many folders were read since the last call, and the number of all.

    Raises:
        LogError: there is nothing to read at all; with a single run, why it could not be read.
        ConfigError: a role that there is not, or a tag that no run holds.
    """
    from torchvitals.reading import foreign, role_map, role_settings
    from torchvitals.reading.reader import find_runs, read
    from torchvitals.reading.source import is_url

    maps = () if as_written else role_settings.role_maps(role_map.parse(mapped, source="--map") if mapped else None)
    runs: list[Run] = []
    errors: list[LogError] = []
    if is_url(logdir):  # an address is one run: what lies below it cannot be listed everywhere
        runs.append(read(logdir))
    else:
        root = Path(logdir)
        paths = find_runs(root) or [root]
        for path, run in foreign.read_each(paths):
            if isinstance(run, LogError):
                errors.append(run)
            else:
                runs.append(run if path == root else replace(run, name=path.relative_to(root).as_posix()))
            on_run(1 if path in paths else 2, len(paths))
    if not runs:
        raise errors[0]
    role_map.check(runs, maps)
    whole = runs if as_written else (foreign.understood(run, maps) for run in runs)
    return Found(runs=tuple(whole), errors=tuple(errors))
