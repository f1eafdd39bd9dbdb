"""Record the sample runs anew, all or those named: `python sample_runs/record.py [NAME …]`.

Trains the networks of the demo and those that are worth looking into, checks that each is diagnosed as what it is, and writes
beside each log a README and `expected.json`, which the tests compare with. The same seed gives the same numbers on the same
versions; only the clock differs.
"""

from __future__ import annotations

import json
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import torchvitals
from torchvitals.core.diagnosis import Diagnosis
from torchvitals.demo import Scenario, scenarios, showcases, train

HERE = Path(__file__).parent
SEED = 0
PACKAGES = ("torch", "tensorboard", "scikit-learn", "numpy", "torchvitals")
EVENT_FILE = "events.out.tfevents.0000000000.sample"  # the usual name carries the host's name and the time


def main(names: Sequence[str] = ()) -> None:
    """Record every scenario, or those named; stop at the first that is not diagnosed as what it is."""
    every = {scenario.name: scenario for scenario in (*scenarios(), *showcases())}
    if unknown := set(names) - set(every):
        raise SystemExit(f"no scenario is called {', '.join(sorted(unknown))}; there are {', '.join(every)}")
    torch.set_num_threads(1)  # sums in another order would give other last digits
    for scenario in (every[name] for name in names or every):
        with tempfile.TemporaryDirectory() as scratch:
            log = Path(scratch) / scenario.name
            train(scenario, log, seed=SEED)
            diagnosis = torchvitals.diagnose(log)
            check(scenario, diagnosis)
            write(scenario, diagnosis, next(log.glob("events.out.tfevents.*")))
        print(f"{scenario.name}: {diagnosis.verdict}", file=sys.stderr)


def check(scenario: Scenario, diagnosis: Diagnosis) -> None:
    """Hold the diagnosis against what was planted."""
    first = diagnosis.findings[0] if diagnosis.findings else None
    found = (first.symptom, first.module) if first else (None, None)
    if found != (scenario.expected, scenario.module):
        raise SystemExit(f"{scenario.name}: {scenario.expected} in {scenario.module} was planted, but {found} was found")


def write(scenario: Scenario, diagnosis: Diagnosis, log: Path) -> None:
    """One folder: the log, what is expected of it, and where it comes from."""
    folder = HERE / scenario.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(log, folder / EVENT_FILE)
    (folder / "expected.json").write_text(json.dumps(expectation(diagnosis), indent=2) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(readme(scenario, diagnosis), encoding="utf-8")


def expectation(diagnosis: Diagnosis) -> dict[str, Any]:
    """What the tests compare: the verdict, and every finding with its place and its cause."""
    findings = [
        {"symptom": f.symptom, "severity": f.severity.value, "module": f.module, "caused_by": f.caused_by}
        for f in diagnosis.findings
    ]
    return {"verdict": diagnosis.verdict, "findings": findings}


def readme(scenario: Scenario, diagnosis: Diagnosis) -> str:
    """Where the run comes from and what is to be found in it."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    lines = [
        f"# {scenario.name}: {scenario.title}",
        "",
        f"Recorded by `python sample_runs/record.py` (scenario `{scenario.name}` of `torchvitals.demo`),",
        f"seed {SEED}, {scenario.steps} steps on `torchvitals.demo.data.{scenario.data.__name__}`, every fifth step measured.",
        f"Python {platform.python_version()}, {versions}.",
        "",
        f"Expected verdict: **{diagnosis.verdict}**.",
        "",
        *(
            f"- `{f.symptom}`, {f.severity.value}"
            + (f", in `{f.module}`" if f.module else "")
            + (f"; follows from `{f.caused_by}`" if f.caused_by else "")
            for f in diagnosis.findings
        ),
    ]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
