"""How fast logs are read, against the physical limit and other readers: `python benchmarks/logs.py`.

Every measurement is a process of its own; the readers take turns, several times, and the median counts. tbparse and
tensorboard-reducer may be installed in another environment: name its interpreter with `--others`. Results go to
`benchmarks/results/logs-DATE.md`; `--quick` reads a twentieth of it, checks that every point comes back, and prints only.
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
SCALARS, BLOBS = ("scalars-single", "scalars-batched"), ("histograms-old", "histograms-new", "images")
EVERYWHERE = ("limit", "torchvitals", "event_accumulator", "tbparse")
JOBS = [
    *((log, reader) for log in SCALARS for reader in (*EVERYWHERE, "tensorboard_reducer", "diagnose", "poll")),
    *((log, reader) for log in BLOBS for reader in (*EVERYWHERE, "torchvitals_decoded")),
]
OTHERS = ("tbparse", "tensorboard_reducer")
WHOLE = ("torchvitals", "torchvitals_decoded", "event_accumulator")  # readers that must see every point
QUICK = 20


class Measured(NamedTuple):
    """The medians of one reader on one log, or why there are none."""

    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_bytes: float = 0.0
    seen: int = 0
    failure: str = ""


Results = dict[tuple[str, str], Measured]


def once(log: Path, reader: str, python: str) -> dict[str, Any]:
    """One measurement: what the child printed, or the last line of its complaint."""
    words = [python, str(HERE / "log_readers.py"), reader, str(log)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"failure": done.stderr.strip().splitlines()[-1]}
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measure(folder: Path, *, repetitions: int, others: str) -> Results:
    """Every reader on every log in turn, so that a busy minute of the machine hits all alike."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {job: [] for job in JOBS}
    for number in range(repetitions):
        for log, reader in JOBS:
            print(f"round {number + 1} of {repetitions}: {reader} on {log}", file=sys.stderr)
            found[log, reader].append(once(folder / log, reader, others if reader in OTHERS else sys.executable))
    return {job: median(several) for job, several in found.items()}


def median(several: list[dict[str, Any]]) -> Measured:
    """Number by number."""
    if failure := next((m["failure"] for m in several if "failure" in m), ""):
        return Measured(failure=failure)
    cpu, wall, peak = (statistics.median(m[name] for m in several) for name in ("cpu_s", "wall_s", "peak_bytes"))
    return Measured(cpu, wall, peak, several[0]["seen"])


def points(shrink: int) -> dict[str, int]:
    """How many points each log holds."""
    histograms = 50_000 // shrink
    full = {"histograms-old": histograms, "histograms-new": histograms, "images": max(50 // shrink, 2)}
    return dict.fromkeys(SCALARS, 1_000_000 // shrink) | full


def missing(results: Results, shrink: int) -> list[str]:
    """Readers of ours that failed or did not return every point, in words."""
    wanted = points(shrink)
    return [
        f"{reader} on {log}: {m.failure or f'{m.seen} of {wanted[log]} points'}"
        for (log, reader), m in results.items()
        if reader in WHOLE and m.seen != wanted[log]
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a twentieth of the size, once, nothing written")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--others", default=sys.executable, help="the Python that has tbparse and tensorboard-reducer")
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    options = parser.parse_args()
    shrink = QUICK if options.quick else 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, str(HERE / "log_data.py"), name, str(shrink)], check=True)
        sizes = {log: sum(f.stat().st_size for f in (folder / log).iterdir()) for log in (*SCALARS, *BLOBS)}
        results = measure(folder, repetitions=1 if options.quick else options.repetitions, others=options.others)
    lost = missing(results, shrink)
    for line in lost:
        print(f"not every point came back: {line}", file=sys.stderr)
    if lost:
        return 1
    # Imported late: a child that is forked from a large process inherits its peak memory.
    from log_page import page

    text = page(results, sizes, date=options.date, repetitions=options.repetitions, others=options.others)
    print(text)
    if not options.quick:
        target = HERE / "results" / f"logs-{options.date}.md"
        target.parent.mkdir(exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
