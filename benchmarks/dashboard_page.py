"""The page that `dashboard.py` writes: what was measured, on what, and whether each goal holds."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version

from log_page import machine

GOALS = (  # the beginning of what is measured, its bound, its unit
    ("first page, log not read yet", 3.0, "s"),
    ("first page, log read by somebody before", 3.0, "s"),
    ("page change", 1.0, "s"),
    ("live tick", 0.3, "s"),
    ("memory", 600.0, "MB"),
)
LIBRARIES = ("streamlit", "plotly", "numpy", "torchvitals")


def page(found: Mapping[str, Sequence[float]], *, points: int, size: int, date: str) -> str:
    """All of it, as Markdown."""
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    lines = [
        f"# The dashboard, {date}",
        "",
        f"Written by `python benchmarks/dashboard.py`. A run of {points:,} points, 200 layers with five measures each",
        f"({size / 1e6:.1f} MB), opened by a headless Chromium with an empty cache; server and browser share the machine.",
        "A page counts as there when what it is opened for is drawn: the verdict, the heat map, the state of the training.",
        "A live tick lasts from the question of the page to the last answer of the server, while a step a second is written.",
        "Memory is the largest resident size of the server, in MB (10⁶ bytes).",
        "",
        f"Machine: {machine()}. Python {platform.python_version()}. Versions: {versions}.",
        "",
        "| what | median | lowest | highest | times | asked | holds |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
        *_rows(found),
    ]
    return "\n".join(lines) + "\n"


def _rows(found: Mapping[str, Sequence[float]]) -> Iterator[str]:
    for name, values in found.items():
        _, bound, unit = next(goal for goal in GOALS if name.startswith(goal[0]))
        median = statistics.median(values)
        numbers = (f"{v:.0f} {unit}" if unit == "MB" else f"{v:.2f} {unit}" for v in (median, min(values), max(values)))
        holds = "yes" if median <= bound else "**no**"
        yield f"| {name} | {' | '.join(numbers)} | {len(values)} | ≤ {bound:g} {unit} | {holds} |"
