"""`torchvitals export`: the scalars of the runs below a folder as one table for other tools."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from torchvitals.cli.console import progress, say
from torchvitals.cli.runs import read_runs
from torchvitals.errors import ConfigError, EmptyLogError

if TYPE_CHECKING:
    from torchvitals.core.run import Run

UNREADABLE = 3
SHOWN = 5  # tags named when a pattern matches none


def export(
    logdir: Annotated[
        str, typer.Argument(metavar="LOGDIR", help="A run, a folder of runs, or one event file.", show_default=False)
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Its suffix is the format: .parquet, .csv or .json.", show_default=False
        ),
    ],
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="PATTERN", help="Only tags that match, such as 'loss/*'; may be given several times."),
    ] = None,
) -> None:
    """Write every scalar point of every run below LOGDIR into one table; an earlier FILE is replaced.

    A row a point: run, tag, measure, subject, step, wall_time (seconds since the epoch), value. None is left out or rounded.

    Example: [bold]torchvitals export runs -o runs.parquet --tag 'loss/*'[/bold]
    """
    from torchvitals.present.table import format_of, write

    format_of(output)  # a wrong suffix is told before a long read

    with progress("Reading runs") as advance:
        found = read_runs(logdir, as_written=True, on_run=advance)
    runs = [_only(run, tag) for run in found.runs] if tag else list(found.runs)
    points = sum(len(series) for run in runs for series in run.scalars.values())
    if not points:
        raise _nothing(logdir, found.runs, tag)
    with progress("Writing points") as advance:
        written = write(runs, output, on_points=lambda amount: advance(amount, points))
    size = written.stat().st_size / 1e6
    say(f"Wrote {written}: {points:,} points of {len(runs)} {'run' if len(runs) == 1 else 'runs'}, {size:.1f} MB.")
    for error in found.errors:
        say(f"torchvitals: {error}")
    raise typer.Exit(UNREADABLE if found.errors else 0)


def _only(run: Run, patterns: list[str]) -> Run:
    kept = {tag: series for tag, series in run.scalars.items() if any(fnmatchcase(str(tag), p) for p in patterns)}
    return replace(run, scalars=kept)


def _nothing(logdir: str, runs: tuple[Run, ...], patterns: list[str] | None) -> ConfigError | EmptyLogError:
    """Why there is nothing to write, and what there would be."""
    tags = sorted({str(tag) for run in runs for tag in run.scalars})
    if not tags or not patterns:
        return EmptyLogError(
            f"{logdir}: no scalar was recorded here, and only scalars make a table; TensorBoard shows the rest"
        )
    named = ", ".join(tags[:SHOWN]) + (", …" if len(tags) > SHOWN else "")
    return ConfigError(f"No tag matches --tag {' --tag '.join(map(repr, patterns))}; there are {len(tags)}: {named}")
