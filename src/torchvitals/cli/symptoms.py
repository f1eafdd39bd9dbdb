"""`torchvitals symptoms`: what can be found, and the documentation of one symptom."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Annotated

import typer

from torchvitals.cli.console import document
from torchvitals.cli.diagnose import Format
from torchvitals.errors import ConfigError

if TYPE_CHECKING:
    from torchvitals.diagnosis.rule import Rule


def symptoms(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One symptom; all without it.", show_default=False)
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="Text for people, JSON for programs.")] = Format.TEXT,
    notes: Annotated[bool, typer.Option("--notes", help="Which symptom or check serves each item of the notes.")] = False,
) -> None:
    """List every symptom, or explain one: what it sees, why it matters, its thresholds, what to do.

    Example: [bold]torchvitals symptoms dead-relu[/bold]
    """
    from torchvitals.diagnosis.engine import all_rules

    if notes:
        if name is not None:
            raise ConfigError(f"--notes is about all symptoms, not about {name!r}; leave one of the two out")
        _show_notes(all_rules(), form)
        return
    rules = all_rules() if name is None else (_named(name, all_rules()),)
    if form is Format.JSON:
        from torchvitals.cli.rule_page import as_dict

        listed = [as_dict(rule) for rule in rules]
        typer.echo(json.dumps(listed if name is None else listed[0], indent=2, ensure_ascii=False))
    elif name is None:
        _print_table(rules)
    else:
        _print_page(rules[0])


def _named(name: str, rules: tuple[Rule, ...]) -> Rule:
    by_name = {rule.name(): rule for rule in rules} | {rule.code.lower(): rule for rule in rules}
    wanted = name.strip().lower().replace("_", "-")
    if wanted in by_name:
        return by_name[wanted]
    close = difflib.get_close_matches(wanted, [rule.name() for rule in rules], n=1, cutoff=0.45)
    hint = f"did you mean {close[0]!r}?" if close else "`torchvitals symptoms` lists all"
    raise ConfigError(f"There is no symptom {name!r}; {hint}")


def _print_table(rules: tuple[Rule, ...]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("symptom", no_wrap=True)
    table.add_column("code", no_wrap=True)
    table.add_column("worst", no_wrap=True)
    table.add_column("what it is")
    for rule in sorted(rules, key=lambda r: (r.stage, r.name())):
        table.add_row(rule.name(), rule.code, rule.severity.value, rule.summary())
    console = document()
    console.print(table)
    console.print("\n[dim]torchvitals symptoms NAME explains one of them.[/dim]")


def _show_notes(rules: tuple[Rule, ...], form: Format) -> None:
    from rich.table import Table
    from rich.text import Text

    from torchvitals.core.jsonable import jsonable
    from torchvitals.diagnosis.notes import coverage

    items = coverage(rules)
    if form is Format.JSON:
        listed = [{**jsonable(item), "served": item.served} for item in items]
        typer.echo(json.dumps(listed, indent=2, ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("note", "what it says", "served by"):
        table.add_column(heading, no_wrap=heading == "note")
    for item in items:
        served = ", ".join((*item.rules, *item.checks))
        missing = f"not built yet: {item.not_built}" if item.not_built else ""
        table.add_row(item.note, item.meaning, Text("; ".join(p for p in (served, missing) if p) or "a fact, nothing to find"))
    console = document()
    console.print(table)
    count = sum(item.served for item in items)
    console.print(f"\n[dim]{count} of {len(items)} items are served by a symptom or another check.[/dim]")


def _print_page(rule: Rule) -> None:
    from rich.markdown import Markdown

    from torchvitals.cli.rule_page import page

    document().print(Markdown(page(rule)))
