"""The command line: one command a file, listed in `COMMANDS`. Starting it imports no torch, plotly or streamlit."""

from __future__ import annotations

import os
import traceback
from typing import Annotated, NoReturn

import typer

from torchvitals import __version__
from torchvitals.cli import compare as compare
from torchvitals.cli import dashboard as dashboard
from torchvitals.cli import demo as demo
from torchvitals.cli import diagnose as diagnose
from torchvitals.cli import explain as explain
from torchvitals.cli import export as export
from torchvitals.cli import report as report
from torchvitals.cli import symptoms as symptoms
from torchvitals.cli import watch as watch
from torchvitals.cli.console import say
from torchvitals.errors import TorchvitalsError

COMMANDS = (
    demo.demo,
    diagnose.diagnose,
    watch.watch,
    compare.compare,
    report.report,
    export.export,
    explain.explain,
    dashboard.dashboard,
    symptoms.symptoms,
)
WITHOUT_ARGUMENTS = (demo.demo, dashboard.dashboard, symptoms.symptoms)  # what these do when called bare
EPILOG = (
    "Exit codes: 0 nothing found at or above --fail-on, 1 something found, 2 wrong use, 3 unreadable log or not enough data, "
    "4 a fault of torchvitals itself (set TORCHVITALS_DEBUG=1 for its traceback)."
)
INTERNAL = 4

app = typer.Typer(
    name="torchvitals",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # `main` turns errors into one line
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EPILOG,
)
for _command in COMMANDS:
    app.command(no_args_is_help=_command not in WITHOUT_ARGUMENTS)(_command)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"torchvitals {__version__}")
        raise typer.Exit


@app.callback()
def torchvitals(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Vital signs for PyTorch training: what is wrong, in which layer, since which step, why, and what to change.

    Start with [bold]torchvitals demo[/bold]; then point [bold]torchvitals diagnose[/bold] at a folder of TensorBoard logs.
    """


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit; every error becomes one line on stderr and its exit code."""
    try:
        app(args=arguments, prog_name="torchvitals")
    except TorchvitalsError as error:
        code, message = error.exit_code, str(error)
        _trace()
    except Exception as error:  # the last line of defence: a fault of ours, told in one line
        code, message = INTERNAL, f"internal error: {type(error).__name__}: {error} (TORCHVITALS_DEBUG=1 shows where)"
        _trace()
    else:
        code, message = 0, ""
    if message:
        say(f"torchvitals: {' '.join(message.splitlines())}")
    raise SystemExit(code)


def _trace() -> None:
    if os.environ.get("TORCHVITALS_DEBUG") == "1":
        traceback.print_exc()
