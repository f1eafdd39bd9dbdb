"""What recording adds to a training step: torchvitals, `add_histogram`, `wandb.watch` and two small recorders.

    python benchmarks/overhead.py                                    # everything, about twelve minutes on two cores
    python benchmarks/overhead.py --models tiny cnn --arms off torchvitals --seconds 120
    python benchmarks/overhead.py --quick                            # ten steps of the smallest network, nothing written

Each recorder is measured on each network in a process of its own (`overhead_pairs.py`). Recorders whose package is missing are
left out and named as "not installed". An environment with all of them, beside the one that the tests use:

    python -m venv overhead-env
    overhead-env/bin/pip install torch
    overhead-env/bin/pip install -e . wandb monitorch torch-module-monitor
    overhead-env/bin/python benchmarks/overhead.py

Close other programs first: a step of a third of a millisecond feels them all. Where there is a GPU, the networks are on it, ten
steps between two synchronisations are one measurement, and times are wall times.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path

from overhead_arms import ARMS, Arm
from overhead_figures import Figures, Missing, figures
from overhead_models import WORKLOADS
from overhead_page import page

HERE = Path(__file__).parent
# Seconds of each measurement. A cost of a few per cent takes long to tell from noise, and one step of ten is a rare event.
SECONDS = {"tiny": 3.0, "mlp": 4.0, "cnn": 8.0, "transformer": 13.0}
LONG_SECONDS = {"tiny": 15.0, "mlp": 12.0, "cnn": 40.0, "transformer": 50.0}
LIMIT_S = 600  # a process that takes longer hangs
Found = Figures | Missing


def measure(arm: Arm, model: str, options: argparse.Namespace) -> Found:
    """The numbers of one recorder on one network, or why there are none."""
    if importlib.util.find_spec(arm.package) is None:
        return Missing(reason="not installed")
    seconds = options.seconds or (LONG_SECONDS if arm.long else SECONDS)[model]
    words = [sys.executable, str(HERE / "overhead_pairs.py"), arm.name, model, "--seconds", str(seconds)]
    words += ["--steps", str(options.steps)] if options.steps else []
    words += ["--no-start"] if options.quick else []
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=LIMIT_S + 2 * seconds)
    except subprocess.TimeoutExpired:
        return Missing(reason="not measured: it does not come to an end")
    if done.returncode:
        complaint = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        return Missing(reason=f"not measured: {complaint}")
    found = json.loads(done.stdout.splitlines()[-1])
    return figures(found, steps_a_pair=found["steps_a_pair"])


def measure_all(options: argparse.Namespace) -> dict[tuple[str, str], Found]:
    """Every recorder asked for on every network asked for, one after the other."""
    jobs = [(ARMS[arm], model) for model in options.models for arm in options.arms]
    results: dict[tuple[str, str], Found] = {}
    started_s = time.monotonic()
    for number, (arm, model) in enumerate(jobs, start=1):
        found = results[arm.name, model] = measure(arm, model, options)
        said = found.reason if isinstance(found, Missing) else f"{found.mean_ratio:.3f} ± {found.noise:.3f}"
        passed_s = time.monotonic() - started_s
        print(f"{number:2} of {len(jobs)}, {passed_s:4.0f} s: {arm.title} on {model}: {said}", file=sys.stderr, flush=True)
    return results


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--models",
        nargs="+",
        choices=WORKLOADS,
        default=list(WORKLOADS),
        metavar="MODEL",
        help="networks to train: " + "; ".join(f"{w.name} ({w.title})" for w in WORKLOADS.values()),
    )
    parser.add_argument(
        "--arms",
        nargs="+",
        choices=ARMS,
        default=list(ARMS),
        metavar="ARM",
        help="what to attach: " + "; ".join(f"{a.name} ({a.title})" for a in ARMS.values()).replace("%", "%%"),
    )
    parser.add_argument("--steps", type=int, help="at most so many pairs of steps, rounded up to tens (default: no limit)")
    parser.add_argument(
        "--seconds",
        type=float,
        help="so long for each recorder on each network; half of it goes to the bare training "
        f"(default: {SECONDS['tiny']:g} to {LONG_SECONDS['transformer']:g}, longest where the cost is smallest)",
    )
    parser.add_argument(
        "--quick", action="store_true", help="ten steps of the smallest network unless told otherwise; print only"
    )
    parser.add_argument("--date", default=datetime.date.today().isoformat(), help="of the results page (default: today)")
    return parser


def main() -> int:
    options = arguments().parse_args()
    if options.quick:
        options.steps = options.steps or 10
        options.models = ["tiny"] if options.models == list(WORKLOADS) else options.models
    results = measure_all(options)
    text = page(results, date=options.date)
    print(text)
    if not options.quick:
        target = HERE / "results" / f"overhead-{options.date}.md"
        target.parent.mkdir(exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return 0 if any(isinstance(found, Figures) for found in results.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
