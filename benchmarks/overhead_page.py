"""The page that `overhead.py` writes: how it was measured, whether the promise holds, every number, and how to read them."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version

import torch
from log_page import machine
from overhead_arms import ARMS, START_S
from overhead_figures import Figures, Missing
from overhead_models import WORKLOADS

BUDGET = 1.02  # the default of `torchvitals.watch`: two per cent
PACKAGES = ("torchvitals", "torch", "numpy", "tensorboard", "wandb", "monitorch", "torch-module-monitor")
Results = Mapping[tuple[str, str], Figures | Missing]  # by arm and model

METHOD = """\
Written by `python benchmarks/overhead.py`. Two trainings of the same seed (Adam, one thread) take turns in one process, and
which of them begins alternates; one is recorded, the other is not. A step is `zero_grad`, forward, backward, `step`, and what
the recorder does around it. Times are {clock} time of the process; what threads of the recorder do is counted with it. A
recorder's own clock stands still while the other training steps. Each recorder has a process of its own, and a warm-up.

torchvitals keeps to 2 % of the training time, but for its start: the first 20 steps, and log-spaced ones up to the thousandth
for a second in all at the most. What the first 20 steps and the {start:g} s after them cost stands in a column of its own; then
the log-spaced looks are ended, and what is measured is the steady state."""

COLUMNS = """\
- **bare step**: the median step of the other training. Beside a recorder that does much it finds cold caches and is itself
  slower than in the control, so the ratios of such recorders are rather too small.
- **mean ×**: all recorded steps over all bare ones, ± its standard error within this process. Where in memory the two trainings
  lie differs from process to process and is not in it; the control shows how much that does.
- **median ×**, **median step**: the same of the median step. A recorder that measures few steps does not show in it; what
  does is what it costs on the others.
- **wall ×**: the mean ratio in wall time, which whatever else runs on the machine disturbs.
- **p95**: 95th percentile of the recorded steps over their median: how far single steps stick out.
- **MB**: what a thousand steps leave on the disk, after the start."""


def page(results: Results, *, date: str) -> str:
    """All of it, as Markdown."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    clock = "wall" if torch.cuda.is_available() else "CPU"
    lines = [
        f"# What recording costs, {date}",
        "",
        METHOD.format(clock=clock, start=START_S),
        "",
        f"Machine: {machine()}; {device}. Python {platform.python_version()}. Versions: {versions()}.",
        "",
        *promise(results),
        COLUMNS,
    ]
    for name, workload in WORKLOADS.items():
        if any(model == name for _, model in results):
            lines += ["", f"## {workload.title}", "", *table(results, name)]
    return "\n".join([*lines, "", *reading(results)]) + "\n"


def promise(results: Results) -> Iterator[str]:
    """Whether the default keeps to its budget, network by network."""
    found = {model: f for (arm, model), f in results.items() if arm == "torchvitals" and isinstance(f, Figures)}
    if not found:
        return
    yield "| torchvitals, as it is by default | measured | control | asked | holds |"
    yield "| --- | ---: | ---: | ---: | --- |"
    for model, mine in found.items():
        control = results.get(("off", model))
        beside = _ratio(control) if isinstance(control, Figures) else "not measured"
        yield f"| {WORKLOADS[model].title} | {_ratio(mine)} | {beside} | ≤ {BUDGET} | {holds(mine, control)} |"
    yield ""


def holds(mine: Figures, control: Figures | Missing | None) -> str:
    """Yes, no, or neither: two standard errors, or what the control is off by, lie between the two."""
    doubt = max(2 * mine.noise, abs(control.mean_ratio - 1) if isinstance(control, Figures) else 0.0)
    if mine.mean_ratio + doubt <= BUDGET:
        return "yes"
    return "**no**" if mine.mean_ratio - doubt > BUDGET else "within the noise"


def table(results: Results, model: str) -> Iterator[str]:
    """One row a recorder."""
    yield "| recorder | pairs | bare step | mean × | median × | median step | wall × | p95 | MB | start |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for arm in ARMS.values():
        found = results.get((arm.name, model))
        if isinstance(found, Missing):
            yield f"| {arm.title} | {found.reason} | | | | | | | | |"
        elif found is not None:
            start = "" if found.start_s is None else f"{found.start_s:.2f} s"
            yield (
                f"| {arm.title} | {found.pairs:,} | {found.bare_ms:.3g} ms | {_ratio(found)} | {found.median_ratio:.3f} "
                f"| {found.median_us:+,.0f} µs | {found.wall_ratio:.3f} | {found.p95:.2f} | {found.mb:.2f} | {start} |"
            )


def reading(results: Results) -> Iterator[str]:
    """What follows from the numbers, in words."""
    yield "## How to read this"
    yield ""
    controls = [f for (arm, _), f in results.items() if arm == "off" and isinstance(f, Figures)]
    if controls:
        most = max(abs(f.mean_ratio - 1) for f in controls)
        yield f"- Nothing against nothing differs by up to {most:.1%}: a smaller cost than that was not seen."
    tiny = results.get(("torchvitals", "tiny"))
    if isinstance(tiny, Figures) and tiny.start_s is not None:
        yield (
            f"- On the smallest network a step that torchvitals does not measure costs {tiny.median_us:.0f} µs more, "
            f"{tiny.median_ratio - 1:.1%} of a step of {tiny.bare_ms:.2f} ms."
        )
    for arm in ARMS.values():
        found = [f for (name, _), f in results.items() if name == arm.name and isinstance(f, Figures)]
        if found and arm.name != "off":
            ratios, sizes = [f.mean_ratio for f in found], [f.mb for f in found]
            yield f"- {arm.title}: {_span(ratios, '.2f')} times the time, {_span(sizes, '.2f')} MB a thousand steps."
    yield "- What they record differs: this page says what each costs, not what it is worth."


def versions() -> str:
    """Of everything that was compared."""
    return ", ".join(f"{name} {_version(name)}" for name in PACKAGES)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _ratio(found: Figures) -> str:
    return f"{found.mean_ratio:.3f} ± {found.noise:.3f}"


def _span(values: list[float], form: str) -> str:
    low, high = format(min(values), form), format(max(values), form)
    return low if low == high else f"{low} to {high}"
