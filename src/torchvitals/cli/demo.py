"""`torchvitals demo`: five small trainings, four of them sick, and what torchvitals says about each."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from torchvitals.cli.console import human, say
from torchvitals.cli.dashboard import open_dashboard, require_streamlit
from torchvitals.errors import ConfigError, MissingDependencyError

if TYPE_CHECKING:
    from rich.console import Console

    from torchvitals.demo import Scenario
    from torchvitals.present.report.section import Section

MARK = ".torchvitals-demo"  # only a folder that carries it is ever cleared


def demo(
    runs: Annotated[Path, typer.Option("--runs", metavar="DIR", help="Where to record.")] = Path("runs/demo"),
    no_dashboard: Annotated[bool, typer.Option("--no-dashboard", help="Do not open the dashboard at the end.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of every training.")] = 0,
) -> None:
    """Train five small networks on handwritten digits, one healthy and four sick, and diagnose them.

    Records TensorBoard logs below DIR, writes DIR/report.html and opens the dashboard. Takes about a minute, needs no network.

    Example: [bold]torchvitals demo --no-dashboard[/bold]
    """
    if missing := [name for name in ("torch", "sklearn") if find_spec(name) is None]:
        raise MissingDependencyError(f"The demo needs {' and '.join(missing)}; run: pip install 'torchvitals[demo]'")
    if not no_dashboard:
        require_streamlit()
    from torchvitals.demo import scenarios
    from torchvitals.present.report import terminal

    chosen = scenarios()
    clear(runs, chosen)
    console = human()
    _train(chosen, runs, seed=seed, console=console)
    sections = _sections(chosen, runs)
    terminal.print_report(console, sections)
    _write_report(sections, runs / "report.html")
    if no_dashboard:
        say(f"Look at them in the browser: torchvitals dashboard {runs}")
    else:
        open_dashboard(runs)


def clear(runs: Path, scenarios: tuple[Scenario, ...]) -> None:
    """Remove the logs of an earlier demo.

    Raises:
        ConfigError: the folder holds something that is not a demo's.
    """
    if runs.exists() and not (runs / MARK).exists() and (not runs.is_dir() or any(runs.iterdir())):
        raise ConfigError(
            f"{str(runs)!r} holds other files, and the demo would mix with them; choose another folder with --runs"
        )
    runs.mkdir(parents=True, exist_ok=True)
    (runs / MARK).write_text("Recorded by `torchvitals demo`; the next demo overwrites it.\n", encoding="utf-8")
    for scenario in scenarios:
        for old in (runs / scenario.name).glob("events.out.tfevents.*"):
            old.unlink()


def _train(scenarios: tuple[Scenario, ...], runs: Path, *, seed: int, console: Console) -> None:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from torchvitals.demo import train

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("steps"), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("Training", total=sum(s.steps for s in scenarios))
        for number, scenario in enumerate(scenarios, start=1):
            progress.update(task, description=f"Training {number} of {len(scenarios)}: {scenario.title}")
            train(scenario, runs / scenario.name, seed=seed, on_step=lambda _: progress.advance(task))
        progress.update(task, description=f"Trained {len(scenarios)} networks")


def _sections(scenarios: tuple[Scenario, ...], runs: Path) -> tuple[Section, ...]:
    """The diagnosed runs in the order in which they were trained."""
    from torchvitals.diagnosis.engine import diagnose
    from torchvitals.present.report.section import Section
    from torchvitals.reading.reader import read

    found = [read(runs / scenario.name) for scenario in scenarios]
    return tuple(Section(run=run, diagnosis=diagnose(run)) for run in found)


def _write_report(sections: tuple[Section, ...], path: Path) -> None:
    from torchvitals.present.report import format_of

    path.write_text(format_of(path).render(sections), encoding="utf-8")
    say(f"The report of all runs: {path}")
