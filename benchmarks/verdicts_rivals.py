"""Other tools on the same programs, as their own guides attach them: torchmortem 0.1.1 and traintools 0.6.2.

Their words are translated in their favour: one that may mean several of our symptoms counts as each of them. They are optional;
an environment beside the one of the tests has them:

    python -m venv rivals-env
    rivals-env/bin/pip install torch scikit-learn torchmortem traintools
    rivals-env/bin/pip install -e .
    rivals-env/bin/python benchmarks/verdicts.py --rival torchmortem --rival traintools
"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from verdicts_judge import Judged, Said
from verdicts_program import Training
from verdicts_record import Recorded, _alone

LASTING = 0.1  # traintools warns step by step; what it repeats on a tenth of the steps counts as a finding
LOW = (
    "learning-rate-too-low",
    "weights-not-updating",
    "adam-epsilon-dominance",
    "stalled-optimizer",
    "excessive-clipping",
    "precision-loss",
)
STUCK = ("loss-plateau", "loss-not-decreasing", "underfitting")
TORCHMORTEM = {
    "Vanishing gradients": ("vanishing-gradient",),
    "Exploding gradients": ("exploding-gradient", "recurrent-gradient-growth", "gradient-spike"),
    "Gradient stalling": ("vanishing-gradient", "zero-gradient", "zero-init"),
    "Dead units": ("dead-relu", "dead-filters"),
    "High gradient noise": ("batch-size",),
    "Training divergence": ("loss-divergence", "learning-rate-too-high", "non-finite"),
    "Loss plateau": STUCK,
    "Catapult phase": ("learning-rate-too-high", "loss-spike"),
    "Edge of stability": ("learning-rate-too-high", "loss-oscillation"),
    "Rank collapse": ("representation-collapse", "representational-bottleneck", "constant-output", "symmetric-units"),
    "Activation saturation": ("saturated-activation",),
    "Update ratio too low": LOW,
    "Update ratio too high": ("learning-rate-too-high",),
    "Weight norm explosion": ("weight-explosion",),
    "Stagnant weight norms": (*LOW, "parameters-not-optimized"),
    "Inter-layer weight norm imbalance": ("poor-weight-init",),
}
TRAINTOOLS = {
    r"(.+) has non-finite gradients": ("non-finite",),
    r"(.+) gradient appears vanished": ("vanishing-gradient", "zero-gradient", "zero-init", "dead-relu"),
    r"(.+) gradient is very large": ("exploding-gradient", "recurrent-gradient-growth", "gradient-spike"),
    r"(.+) update/weight ratio is high": ("learning-rate-too-high",),
    r"global update/weight ratio is tiny": LOW,
    r"no gradients found": ("zero-gradient",),
    r"\S+ has non-finite values": ("non-finite-input", "non-finite"),
    r"\S+ abs max": ("input-not-normalized", "target-scale"),
    r"\S+ is nearly constant": ("constant-features",),
    r"dominant class": ("class-imbalance",),
}


def torchmortem(training: Training) -> list[Said]:
    """The findings of its report from `warning` on, in its order."""
    from torchmortem import Autopsy
    from torchmortem.types import Severity

    autopsy = Autopsy(training.model, optimizer=training.optimizers[0])
    with autopsy:
        training.run(lambda _: None, lambda _, loss: autopsy.step(loss=float(loss.mean())))
    report = autopsy.get_report()
    found = [f for f in report.findings if f.severity >= Severity.WARNING] if report is not None else []
    return [Said(symptoms=_meant(TORCHMORTEM, f.title), modules=tuple(f.affected_layers)) for f in found]


def traintools(training: Training) -> list[Said]:
    """What its gradient monitor and its batch inspector repeat, most frequent first."""
    from traintools import BatchInspector, GradientHealthMonitor

    health, inspector = GradientHealthMonitor(), BatchInspector()
    seen: Counter[str] = Counter()

    def before_step(optimizer: Any, *_: object) -> None:
        report = health.inspect(training.model, step=0, lr=optimizer.param_groups[0]["lr"])
        seen.update(dict.fromkeys((re.sub(r"[(=].*", "", w) for w in report.warnings), 1))

    def before_forward(model: Any, arguments: tuple[Any, ...]) -> None:
        if model.training:
            report = inspector.inspect(arguments[0], None, step=0)
            seen.update(dict.fromkeys((re.sub(r"[\d(=].*", "", w) for w in report.warnings), 1))

    for optimizer in training.optimizers:
        optimizer.register_step_pre_hook(before_step)
    training.model.register_forward_pre_hook(before_forward)
    training.run(lambda _: None)
    lasting = [text for text, n in seen.most_common() if n >= LASTING * training.steps]
    return [_translated(text) for text in lasting]


def _translated(text: str) -> Said:
    for pattern, symptoms in TRAINTOOLS.items():
        if match := re.match(pattern, text):
            return Said(symptoms=symptoms, modules=match.groups())
    return Said(symptoms=("unknown",))


def _meant(words: dict[str, tuple[str, ...]], title: str) -> tuple[str, ...]:
    return next((symptoms for start, symptoms in words.items() if title.startswith(start)), ("unknown",))


RIVALS: dict[str, Callable[[Training], list[Said]]] = {"torchmortem": torchmortem, "traintools": traintools}


def judged_by(name: str, jobs: Sequence[Recorded], folder: Path, *, processes: int, train: bool) -> list[Judged]:
    """Take what the rival said the last time; if told to, train every program that is left with it attached."""
    if train and importlib.util.find_spec(name) is None:
        print(f"{name} is not installed and is left out", file=sys.stderr)
        return []
    files = {job.folder: folder / name / job.program.set / f"{job.folder.name}.json" for job in jobs}
    left = [(name, j.program.key, j.program.set, j.seed, files[j.folder]) for j in jobs if not files[j.folder].exists()]
    if train and left:
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_alone) as pool:
            for number, _ in enumerate(pool.map(_train, left), start=1):
                print(f"{name}: {number} of {len(left)}", file=sys.stderr, flush=True)
    return [_read(job, files[job.folder]) for job in jobs if files[job.folder].exists()]


def _train(task: tuple[str, str, str, int, Path]) -> None:
    import torch
    from verdicts_set import programs

    name, key, which, seed, file = task
    (program,) = (p for p in programs(which) if p.key == key)
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            said, problem = RIVALS[name](program.build()), ""
        except Exception as error:  # a rival that raises into the loop has said nothing
            said, problem = [], f"{type(error).__name__}: {error}"
    file.parent.mkdir(parents=True, exist_ok=True)
    found = {"said": [{"symptoms": s.symptoms, "modules": s.modules} for s in said], "problem": problem}
    file.write_text(json.dumps(found), encoding="utf-8")


def _read(job: Recorded, file: Path) -> Judged:
    found = json.loads(file.read_text(encoding="utf-8"))
    said = tuple(Said(symptoms=tuple(s["symptoms"]), modules=tuple(s["modules"])) for s in found["said"])
    return Judged(program=job.program, seed=job.seed, said=said, problem=found["problem"])
