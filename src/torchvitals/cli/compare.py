"""`torchvitals compare`: what changed from one run to another, and an exit code for scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from torchvitals.cli.console import human
from torchvitals.cli.diagnose import FOUND, NOT_ENOUGH, Format
from torchvitals.cli.runs import Mapped, read_runs
from torchvitals.core.finding import Severity
from torchvitals.errors import ConfigError

if TYPE_CHECKING:
    from torchvitals.core.run import Run
    from torchvitals.diagnosis.comparison import Comparison

SCHEMA_VERSION = 1
NAMED = 5  # runs that are named where one was meant


def compare(
    run_a: Annotated[str, typer.Argument(metavar="RUN_A", help="The run before: the baseline.", show_default=False)],
    run_b: Annotated[str, typer.Argument(metavar="RUN_B", help="The run after, which is judged.", show_default=False)],
    form: Annotated[Format, typer.Option("--format", help="Text for people, JSON for programs.")] = Format.TEXT,
    fail_on: Annotated[Severity, typer.Option(help="Exit with 1 from a new finding of this severity on.")] = Severity.WARNING,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit with 0 whatever is new.")] = False,
    mapped: Mapped = None,
) -> None:
    """Say which findings are new in RUN_B, which are fixed, and how the numbers that matter moved.

    A finding that could not be judged again is not called fixed.

    Example: [bold]torchvitals compare runs/before runs/after[/bold]
    """
    from torchvitals.cli.comparison_page import show
    from torchvitals.diagnosis.comparison import compare as compared_of
    from torchvitals.diagnosis.engine import diagnose, quiet_arithmetic

    before, after = _one(run_a, mapped), _one(run_b, mapped)
    with quiet_arithmetic():
        compared = compared_of((before, diagnose(before)), (after, diagnose(after)))
    if form is Format.JSON:
        _print_json(compared, (run_a, run_b))
    else:
        show(human(), compared, (run_a, run_b))
    code = exit_code(compared, fail_on=fail_on)
    raise typer.Exit(0 if exit_zero and code == FOUND else code)


def exit_code(compared: Comparison, *, fail_on: Severity) -> int:
    """1 when a finding of that severity is new, else 3 when the later run, or a finding in it, could not be judged."""
    if any(c.state == "new" and c.finding.severity >= fail_on for c in compared.changes):
        return FOUND
    unsure = compared.after.verdict == "unknown" or compared.amounts["no longer judged"]
    return NOT_ENOUGH if unsure else 0


def _one(path: str, mapped: list[str] | None) -> Run:
    """The one run at a path.

    Raises:
        LogError: it cannot be read.
        ConfigError: there are several.
    """
    found = read_runs(path, mapped=mapped)
    if found.errors:
        raise found.errors[0]
    if len(found.runs) > 1:
        names = ", ".join(run.name for run in found.runs[:NAMED]) + (", …" if len(found.runs) > NAMED else "")
        raise ConfigError(f"{path}: {len(found.runs)} runs ({names}); compare takes one at a time, so name one of them")
    return found.runs[0]


def _print_json(compared: Comparison, paths: tuple[str, str]) -> None:
    import json

    from torchvitals.core.jsonable import jsonable

    sides = zip(("baseline", "run"), paths, (compared.before, compared.after), strict=True)
    told = {
        "schema_version": SCHEMA_VERSION,
        **{side: {"path": path, "run": d.run, "verdict": d.verdict} for side, path, d in sides},
        "changes": jsonable(compared.changes),
        "numbers": [{**jsonable(n), "moved": n.moved} for n in compared.numbers],
        "departures": jsonable(compared.departures),
    }
    typer.echo(json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False))
