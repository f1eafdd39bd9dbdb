"""`torchvitals diagnose`: the verdict on every run below a folder, and an exit code for scripts."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from torchvitals.cli.console import human, say
from torchvitals.cli.rule_options import Mute, Select, Set
from torchvitals.cli.runs import Mapped, read_runs
from torchvitals.core.finding import Severity

if TYPE_CHECKING:
    from torchvitals.core.diagnosis import Diagnosis

Baseline = Annotated[
    list[str] | None,
    typer.Option(
        "--baseline",
        metavar="LOGDIR",
        help="A good run of your own: also report what departs from its ranges; may be repeated.",
        show_default=False,
    ),
]
FOUND = 1
NOT_ENOUGH = 3


class Format(StrEnum):
    """What `diagnose` prints."""

    TEXT = "text"
    JSON = "json"


def diagnose(
    logdir: Annotated[
        str, typer.Argument(metavar="LOGDIR", help="A run, a folder of runs, or one event file.", show_default=False)
    ],
    form: Annotated[Format, typer.Option("--format", help="Text for people, JSON for programs.")] = Format.TEXT,
    fail_on: Annotated[Severity, typer.Option(help="Exit with 1 from this severity on.")] = Severity.WARNING,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit with 0 whatever is found.")] = False,
    why: Annotated[bool, typer.Option("--why", help="Also say why each other rule found nothing or could not judge.")] = False,
    select: Select = None,
    mute: Mute = None,
    thresholds: Set = None,
    baseline: Baseline = None,
    mapped: Mapped = None,
) -> None:
    """Say what is wrong with a training run, where, since when, and what to change.

    Reads ordinary TensorBoard logs, those of other tools too. The text goes to the terminal, JSON to stdout.

    Example: [bold]torchvitals diagnose runs/a --why[/bold]

    Against a good run: [bold]torchvitals diagnose runs/new --baseline runs/good[/bold]

    In CI: [bold]torchvitals diagnose runs --fail-on critical[/bold]
    """
    from torchvitals.diagnosis.engine import diagnose as judge
    from torchvitals.diagnosis.settings import from_flags
    from torchvitals.present.report.section import Section

    settings = from_flags(select, mute, thresholds)
    found = read_runs(logdir, mapped=mapped)
    good = tuple(run for path in baseline or () for run in read_runs(path, mapped=mapped).runs)
    sections = tuple(Section(run=run, diagnosis=judge(run, settings=settings, baseline=good)) for run in found.runs)
    if form is Format.JSON:
        from torchvitals.present.report import json

        typer.echo(json.render(sections), nl=False)
    else:
        from torchvitals.present.report import terminal

        terminal.print_report(human(), sections, why=why)
    for error in found.errors:
        say(f"torchvitals: {error}")
    code = exit_code(tuple(s.diagnosis for s in sections), fail_on=fail_on, unreadable=bool(found.errors))
    raise typer.Exit(0 if exit_zero and code == FOUND else code)


def exit_code(diagnoses: tuple[Diagnosis, ...], *, fail_on: Severity, unreadable: bool = False) -> int:
    """1 when anything was found at or above `fail_on`, else 3 when a run could not be read or judged, else 0."""
    if any(d.at_least(fail_on) for d in diagnoses):
        return FOUND
    if unreadable or any(d.verdict == "unknown" for d in diagnoses):
        return NOT_ENOUGH
    return 0
