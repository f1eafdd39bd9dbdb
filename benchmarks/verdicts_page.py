"""The error rates as a page."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from verdicts_judge import CUTS, Judged
from verdicts_score import Overall, of_rule, overall

COLUMNS = (
    "symptom",
    "false alarms",
    "something true said",
    "itself said",
    "true symptom first",
    "right layer",
    "said first of another fault",
    "steps",
)
TITLES = {
    "first": "First set: thresholds were chosen with it in sight",
    "second": "Second set: no threshold was chosen by looking at it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool's verdicts on all runs."""

    name: str
    runs: Sequence[Judged]


def page(tools: Sequence[Tool], *, date: str, level: str, rules: Sequence[str], failures: Sequence[str]) -> str:
    """Markdown; the first tool is ours."""
    return "\n".join(_lines(tools, date=date, level=level, rules=rules, failures=failures)) + "\n"


def _lines(
    tools: Sequence[Tool],
    *,
    date: str,
    level: str,
    rules: Sequence[str],
    failures: Sequence[str],
) -> Iterator[str]:
    ours = tools[0].runs
    yield "# How often the verdicts are right"
    yield ""
    yield f"Made by `python benchmarks/verdicts.py` on {date}: torchvitals {_version('torchvitals')},"
    yield f"PyTorch {_version('torch')}, Python {platform.python_version()}, {os.cpu_count()} cores, no GPU."
    yield ""
    yield f"A finding counts from the severity `{level}` on. Intervals are Wilson's, 95 %; the runs of one program with several"
    yield "seeds are not independent, so the true intervals are wider. All networks are small and were trained for a few"
    yield "hundred steps: these rates say nothing of large ones."
    yield ""
    for which, title in TITLES.items():
        if any(r.program.set == which for r in ours):
            yield from _of_set(title, [(t.name, [r for r in t.runs if r.program.set == which]) for t in tools], rules)
    yield from _unjudged(ours, failures)
    yield from _meaning()


def _of_set(title: str, tools: Sequence[tuple[str, Sequence[Judged]]], rules: Sequence[str]) -> Iterator[str]:
    ours = tools[0][1]
    healthy = {r.program.key for r in ours if r.program.healthy}
    sick = {r.program.key for r in ours if not r.program.healthy}
    kinds = {r.program.symptoms[0] for r in ours if not r.program.healthy}
    seeds = len({r.seed for r in ours})
    yield f"## {title}"
    yield ""
    faults = f"{len(sick)} with {len(kinds)} kinds of fault"
    yield f"{len(healthy)} healthy programs and {faults}, {seeds} seed{'s' * (seeds > 1)} each: {len(ours)} runs."
    yield ""
    yield "| | " + " | ".join(name for name, _ in tools) + " |"
    yield "| --- |" + " --- |" * len(tools)
    for label, cells in _rows([overall(runs) for _, runs in tools]).items():
        yield f"| {label} | " + " | ".join(cells) + " |"
    yield ""
    yield from _per_rule(ours, rules)
    yield from _mistakes(ours)


def _rows(found: Sequence[Overall]) -> Mapping[str, list[str]]:
    return {
        "healthy runs with a false alarm": [str(o.false_alarms) for o in found],
        "healthy runs with a remark below it": [str(o.remarks) for o in found],
        "sick runs of which something true is said": [str(o.recall) for o in found],
        "the same at that severity or above": [str(o.loud) for o in found],
        "sick runs of which the planted symptom itself is said": [str(o.named) for o in found],
        "sick runs of which a true symptom is said first": [str(o.first) for o in found],
        "right layer, where the fault has one and is seen": [str(o.located) for o in found],
        "root findings a sick run: mean, most": [f"{o.findings:.2f}, {o.findings_at_most}" for o in found],
        "runs it could not judge": [str(o.unjudged) for o in found],
        "steps until a true finding is reported: median": [_number(o.steps) for o in found],
    }


def _per_rule(runs: Sequence[Judged], rules: Sequence[str]) -> Iterator[str]:
    planted = {r.program.symptoms[0] for r in runs if not r.program.healthy}
    yield f"| {' | '.join(COLUMNS)} |"
    yield "| --- |" + " --- |" * (len(COLUMNS) - 2) + " ---: |"
    for symptom in sorted({*planted, *rules}):
        o = of_rule(symptom, runs)
        name = f"`{symptom}`" if symptom in rules else f"`{symptom}` (no rule)"
        cells = (o.false_alarms, o.recall, o.named, o.first, o.located, o.astray)
        yield f"| {name} | " + " | ".join(map(str, cells)) + f" | {_number(o.steps)} |"
    yield ""


def _mistakes(runs: Sequence[Judged]) -> Iterator[str]:
    """Every program that was judged wrongly, so that nobody has to look for it."""
    alarms: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for run in runs:
        if run.program.healthy and run.alarms:
            alarms[f"{run.program.key}: {', '.join(s.symptoms[0] for s in run.alarms)}"] += 1
        elif not run.program.healthy and not run.first:
            said = run.said[0].symptoms[0] if run.said else "nothing"
            missed[f"{run.program.key}: {said}"] += 1
    for title, found in (
        ("Healthy programs accused", alarms),
        ("Faults of which something else, or nothing, is said first", missed),
    ):
        if found:
            yield f"{title} (number of seeds):"
            yield ""
            yield from (f"- {text} ({n})" for text, n in sorted(found.items()))
            yield ""


def _unjudged(runs: Sequence[Judged], failures: Sequence[str]) -> Iterator[str]:
    lost = [f"{r.program.key}, seed {r.seed}: {r.problem}" for r in runs if r.problem]
    still = [f"{r.program.key}, seed {r.seed}" for r in runs if r.program.healthy and not r.learned]
    for title, several in (
        ("Not recorded", failures),
        ("Could not be read, counted as if nothing were said", lost),
        ("Meant to be healthy, but the loss fell by less than a tenth", still),
    ):
        if several:
            yield f"{title}:"
            yield ""
            yield from (f"- {text}" for text in several)
            yield ""


def _meaning() -> Iterator[str]:
    cuts = ", ".join(map(str, CUTS))
    yield "## What is counted"
    yield ""
    yield "- A *true* symptom is the planted one, or one that the program lists as true of it as well (`verdicts_faults_*.py`)."
    yield "- *Said first*: it heads the list of findings. *Said*: it is in the list, as a root or as a consequence of one."
    yield "- *Right layer*: a true finding names the module of the fault or a parameter of it."
    yield f"- *Steps*: the log is judged as it stood after {cuts} steps and at the end."
    yield "- A rival's words are translated in its favour (`verdicts_rivals.py`): a vague one counts as all that it may mean."
    yield "  Where it raised an error in the loop, it has said nothing."


def _number(value: float) -> str:
    return "–" if value != value else f"{value:.0f}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
