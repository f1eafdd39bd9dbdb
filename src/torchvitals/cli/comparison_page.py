"""Two runs side by side as text for a terminal. Text and never str: Rich reads "[red]" in a str as markup."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from torchvitals.diagnosis.comparison import Change, Comparison, KeyNumber
from torchvitals.present.text import printable
from torchvitals.present.theme import format_value, mark

STYLES = {"new": "bold red", "no longer judged": "yellow", "same": "", "fixed": "green", "better": "green", "worse": "red"}


def show(console: Console, compared: Comparison, paths: tuple[str, str]) -> None:
    """Both verdicts, what became of each finding, what lies outside the ranges of the run before, and the numbers."""
    sides = zip(("before", "after"), paths, (compared.before, compared.after), strict=True)
    for word, path, diagnosis in sides:
        sign = mark(diagnosis.verdict)
        console.print(Text(f"{word:<7} {sign.icon} {sign.word:<9} {printable(path)}"))
    console.print()
    console.print(_changes(compared.changes) if compared.changes else Text("No finding in either run."))
    if compared.departures:
        console.print(Text("\nOutside the ranges of the run before", style="bold"))
        for finding in compared.departures:
            console.print(Text(f"  {mark(finding.severity).icon} {printable(finding.summary)}"))
    console.print()
    console.print(_numbers(compared.numbers))


def _changes(changed: Sequence[Change]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("change", "severity", "symptom", "what"):
        table.add_column(heading, no_wrap=heading != "what")
    for change in changed:
        sign = mark(change.finding.severity)
        what = change.finding.summary + (f" ({change.reason})" if change.reason else "")
        cells = (f"{sign.icon} {sign.word}", printable(change.symptom), printable(what))
        table.add_row(Text(change.state, style=STYLES[change.state]), *map(Text, cells))
    return table


def _numbers(numbers: Sequence[KeyNumber]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("number")
    table.add_column("before", justify="right", no_wrap=True)
    table.add_column("after", justify="right", no_wrap=True)
    table.add_column("")
    for n in numbers:
        cells = (printable(n.name), _value(n.before, n.unit), _value(n.after, n.unit))
        table.add_row(*map(Text, cells), Text(n.moved, style=STYLES.get(n.moved, "")))
    return table


def _value(number: float | None, unit: str) -> str:
    return "not recorded" if number is None else format_value(number, unit)
