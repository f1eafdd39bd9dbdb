"""The page that `logs.py` writes: the numbers, what they were measured on, and whether each goal holds."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

TITLES = {
    "scalars-single": "1M scalars over 200 tags, one an Event",
    "scalars-batched": "1M scalars over 200 tags, 200 an Event",
    "histograms-old": "50k histograms of 64 bins, old style, one an Event",
    "histograms-new": "50k histograms of 64 bins as tensors, 100 an Event",
    "images": "50 PNG images of noise",
}
READERS = {
    "limit": "limit: read, frame, CRC, protobuf parse",
    "torchvitals": "torchvitals",
    "torchvitals_decoded": "torchvitals, every value decoded",
    "diagnose": "torchvitals, read and diagnose",
    "event_accumulator": "EventAccumulator, everything kept",
    "tbparse": "tbparse, long frame",
    "tensorboard_reducer": "tensorboard-reducer",
}
RATIO = {"scalars-single": 2.5, "scalars-batched": 8.0, "histograms-old": 2.5, "histograms-new": 2.5, "images": 2.5}
LIBRARIES = ("numpy", "protobuf", "google-crc32c", "tensorboard", "torchvitals")
OTHERS = ("tbparse", "tensorboard-reducer", "pandas")
POLLS = 1000
Results = Mapping[tuple[str, str], Any]


class Goal(NamedTuple):
    """A number that was promised, and the one that was measured."""

    name: str
    measured: float
    bound: float
    unit: str
    at_least: bool = False

    @property
    def holds(self) -> bool:
        """Whether the promise is kept."""
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound


def page(results: Results, sizes: Mapping[str, int], *, date: str, repetitions: int, others: str) -> str:
    """All of it, as Markdown."""
    lines = [
        f"# Reading logs, {date}",
        "",
        "Written by `python benchmarks/logs.py`. CPU seconds are user and system time of one process, without its start and",
        "imports; peak is the growth of the largest resident size over that after the imports, in MB (10⁶ bytes), also as a",
        f"multiple of the file. Medians of {repetitions} interleaved rounds, warm page cache. × limit is CPU against the first",
        "row. Histograms and images are found at once and decoded when looked at; the second row decodes them all.",
        "",
        f"Machine: {machine()}. Python {platform.python_version()}. Versions: {versions(others)}.",
        "",
        *goals_table(results, sizes),
    ]
    for log, title in TITLES.items():
        lines += ["", f"## {title} ({sizes[log] / 1e6:.1f} MB)", "", *table(results, log, sizes[log])]
    return "\n".join(lines) + "\n"


def goals_table(results: Results, sizes: Mapping[str, int]) -> Iterator[str]:
    """One row a goal."""
    yield "| goal | measured | asked | holds |"
    yield "| --- | --- | --- | --- |"
    for goal in goals(results, sizes):
        sign = "≥" if goal.at_least else "≤"
        bound = f"{sign} {goal.bound:g}{goal.unit}"
        yield f"| {goal.name} | {goal.measured:.3g}{goal.unit} | {bound} | {'yes' if goal.holds else '**no**'} |"


def goals(results: Results, sizes: Mapping[str, int]) -> Iterator[Goal]:
    """What issue and documentation promise."""
    for log, bound in RATIO.items():
        ours = results[log, "torchvitals"]
        yield Goal(f"{log}: CPU against the limit", ours.cpu_s / results[log, "limit"].cpu_s, bound, " ×")
        yield Goal(f"{log}: faster than EventAccumulator", results[log, "event_accumulator"].cpu_s / ours.cpu_s, 8, " ×", True)
        yield Goal(f"{log}: peak memory against the file", ours.peak_bytes / sizes[log], 1.5, " ×")
    for log in ("scalars-single", "scalars-batched"):
        yield Goal(f"{log}: read and diagnose, CPU", results[log, "diagnose"].cpu_s, 4, " s")
        yield Goal(f"{log}: poll with nothing new, wall", 1e3 * results[log, "poll"].wall_s / POLLS, 1, " ms")


def table(results: Results, log: str, size: int) -> Iterator[str]:
    """One row a reader."""
    yield "| reader | CPU s | × limit | wall s | peak MB | × file | seen |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    floor = results[log, "limit"].cpu_s
    for reader, title in READERS.items():
        found = results.get((log, reader))
        if found is None:
            continue
        if found.failure:
            yield f"| {title} | not measured: {found.failure} | | | | | |"
            continue
        seen = f"{found.seen:,} {UNITS.get(reader, 'points')}"
        ratio, memory = f"{found.cpu_s / floor:.1f}", f"{found.peak_bytes / 1e6:.0f} | {found.peak_bytes / size:.2f}"
        yield f"| {title} | {found.cpu_s:.3f} | {ratio} | {found.wall_s:.3f} | {memory} | {seen} |"


UNITS = {"limit": "records", "diagnose": "rules judged"}


def machine() -> str:
    """Its kind, never its name."""
    models = {
        line.partition(":")[2].strip()
        for line in (Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else "").splitlines()
        if line.startswith("model name")
    }
    load = f", load {os.getloadavg()[0]:.1f} at the end" if hasattr(os, "getloadavg") else ""
    return f"{os.cpu_count()} cores, {', '.join(models) or platform.machine()}, {platform.system()}{load}"


def versions(others: str) -> str:
    """Of this environment, and of the one that holds the other readers."""
    from importlib.metadata import version

    ask = (
        "from importlib.metadata import version, PackageNotFoundError\n"
        f"for name in {OTHERS!r}:\n"
        "    try: print(name, version(name))\n"
        "    except PackageNotFoundError: print(name, 'not installed')\n"
    )
    theirs = subprocess.run([others, "-c", ask], capture_output=True, text=True, check=True).stdout.splitlines()
    return ", ".join([*(f"{name} {version(name)}" for name in LIBRARIES), *theirs])
