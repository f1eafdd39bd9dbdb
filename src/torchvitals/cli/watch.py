"""`torchvitals watch`: follow a training while it runs, and tell each new finding once."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from torchvitals.cli.console import human, say
from torchvitals.cli.diagnose import Format
from torchvitals.cli.runs import Mapped

if TYPE_CHECKING:
    from rich.console import Console

    from torchvitals.cli.follow import Event, Follower

REST = 4  # times as long a pause as a look took: a fifth of one core at most, for the training needs the others


def watch(
    logdir: Annotated[
        str, typer.Argument(metavar="LOGDIR", help="A run or a folder of runs; it may appear later.", show_default=False)
    ],
    interval: Annotated[float, typer.Option(min=0.05, metavar="SECONDS", help="How often to look.")] = 1.0,
    form: Annotated[Format, typer.Option("--format", help="Text for people, or a line of JSON for each event.")] = Format.TEXT,
    mapped: Mapped = None,
) -> None:
    """Follow the runs below LOGDIR while they train: the verdict, and every new finding as it appears. Ctrl-C ends it.

    A finding is told once, again when it becomes worse, and once more when it has gone. Runs that start later are followed too.

    Example: [bold]torchvitals watch runs[/bold]
    """
    try:
        from torchvitals.cli.follow import Follower
        from torchvitals.reading import role_map, role_settings

        maps = role_settings.role_maps(role_map.parse(mapped, source="--map") if mapped else None)
        _follow(Follower(logdir, maps), _print_json if form is Format.JSON else _print_text(human()), interval)
    except KeyboardInterrupt:
        say("")  # the terminal shows ^C without ending the line
    raise typer.Exit(0)


def _follow(follower: Follower, show: Callable[[Event], None], interval: float) -> None:
    told: bool | None = None
    while True:
        start = time.monotonic()
        for event in follower.look():
            show(event)
        if follower.waiting and told is None:
            say(f"Nothing is recorded in {follower.logdir!r} yet: waiting for a training to start (Ctrl-C ends this).")
        if not follower.waiting and not told:
            say(f"Following {follower.logdir!r} (Ctrl-C ends this).")
        told = not follower.waiting or bool(told)
        time.sleep(max(interval, REST * (time.monotonic() - start)))


def _print_text(console: Console) -> Callable[[Event], None]:
    from torchvitals.present.report import terminal
    from torchvitals.present.report.section import Section, where
    from torchvitals.present.text import printable

    def show(event: Event) -> None:
        clock = time.strftime("%H:%M:%S")
        if event.run is None or event.diagnosis is None:
            console.out(f"{clock}  {printable(event.name)}: its log is gone", highlight=False)
            return
        section = Section(run=event.run, diagnosis=event.diagnosis)
        last = int(event.run.steps[-1]) if len(event.run.steps) else 0
        at = f"{clock}  step {last:,}  {printable(event.name)}"
        if event.what == "verdict":
            console.out(f"{clock}  step {last:,}  ", highlight=False, end="")
            terminal.print_verdict(console, section)
        elif event.finding is None:
            console.out(f"{at}: {event.text}", highlight=False)
        elif event.what == "gone":
            place = f" in {where(event.finding)}" if event.finding.module else ""
            console.out(f"{at}: {event.finding.symptom}{place}: {event.text}", highlight=False)
        else:
            console.out(f"{at}: {'new' if event.what == 'found' else 'worse'}", highlight=False)
            terminal.print_finding(console, section, event.finding)

    return show


def _print_json(event: Event) -> None:
    from torchvitals.core.jsonable import jsonable

    line = {
        "event": event.what,
        "time": time.time(),
        "run": event.name,
        "step": int(event.run.steps[-1]) if event.run is not None and len(event.run.steps) else None,
        "verdict": event.diagnosis.verdict if event.diagnosis is not None else None,
        "finding": jsonable(event.finding),
        "text": event.text,
    }
    sys.stdout.write(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")
    sys.stdout.flush()  # a program on the other end of a pipe must not wait for a full buffer
