"""`torchvitals report`: one file that holds everything about the runs below a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from torchvitals.cli.console import say
from torchvitals.cli.runs import Mapped, read_runs

UNREADABLE = 3


def report(
    logdir: Annotated[
        str, typer.Argument(metavar="LOGDIR", help="A run, a folder of runs, or one event file.", show_default=False)
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Its suffix is the format: .html, .json or .md.", show_default=False
        ),
    ],
    mapped: Mapped = None,
) -> None:
    """Write one file with the verdict, the findings and the figures of every run below LOGDIR.

    The HTML file is whole in itself: it opens without a network and can be sent by mail.

    Example: [bold]torchvitals report runs -o report.html[/bold]
    """
    from torchvitals.api import report as write
    from torchvitals.present.report import format_of

    format_of(output)  # a wrong suffix is told before a long read

    found = read_runs(logdir, mapped=mapped)
    written = write(list(found.runs), output)
    say(f"Wrote {written}: {_count(len(found.runs))}, {written.stat().st_size / 1e6:.1f} MB.")
    for error in found.errors:
        say(f"torchvitals: {error}")
    raise typer.Exit(UNREADABLE if found.errors else 0)


def _count(runs: int) -> str:
    return "1 run" if runs == 1 else f"{runs} runs"
