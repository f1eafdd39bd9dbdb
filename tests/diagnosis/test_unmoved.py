"""What must not change a verdict: the run's name, tags nobody needs, and how densely the training was logged."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from thinned import every, with_constants
from torch.optim.optimizer import register_optimizer_step_post_hook
from training import record

from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.finding import Severity
from torchvitals.core.run import Run
from torchvitals.diagnosis.engine import all_rules, diagnose
from torchvitals.diagnosis.rule import Case, Rule
from torchvitals.record import guard, loop


def said(diagnosis: Diagnosis) -> list[tuple[str, str | None, str]]:
    """The roots; what follows from them needs more points to be seen, and may be missing from a thin log."""
    return [(f.symptom, f.module, f.severity) for f in diagnosis.roots]


def test_diagnosing_twice_says_the_same(run: Run) -> None:
    assert diagnose(run).to_json() == diagnose(run).to_json()


def test_the_name_is_only_a_name(run: Run) -> None:
    renamed = diagnose(replace(run, name="vanishing nan <b>", path="elsewhere"))
    assert replace(renamed, run=run.name).to_json() == diagnose(run).to_json()


def test_tags_of_the_users_own_change_nothing(run: Run) -> None:
    assert diagnose(with_constants(run)).findings == diagnose(run).findings


@pytest.mark.parametrize("n", [2, 3])
def test_half_the_density_gives_the_same_findings(run: Run, n: int) -> None:
    assert said(diagnose(every(run, n))) == said(diagnose(run))


@pytest.fixture
def made_up_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two milliseconds a step and a little for each look at the clock: what a budget pays for must not depend on the machine.

    Reviews keep to the real clock: on this one they would cost nothing, and never end.
    """
    steps, looks = itertools.count(), itertools.count()
    passed = [0]
    handle = register_optimizer_step_post_hook(lambda *_: passed.__setitem__(0, next(steps)))
    made_up = SimpleNamespace(perf_counter=lambda: 1000.0 + 2e-3 * passed[0] + 1e-5 * next(looks), time=time.time)
    for module in (loop, guard):
        monkeypatch.setattr(module, "time", made_up)
    yield
    handle.remove()


@pytest.mark.usefixtures("made_up_clock")
@pytest.mark.parametrize(("rule", "case"), [pytest.param(r, r.sick[0], id=r.name()) for r in all_rules()])
def test_every_schedule_names_the_same_root(rule: Rule, case: Case, tmp_path: Path) -> None:
    """Each step, each fifth, and as the default budget has it."""
    # That an order repeats shows only where epoch after epoch was recorded at the same batches.
    for n in (1, 5) if rule.name() == "data-order-repeats" else (1, 5, None):
        diagnosis = diagnose(record(case, tmp_path / str(n), every=n))
        assert rule.name() in {f.symptom for f in diagnosis.at_least(Severity.WARNING)}, (n, diagnosis.findings)
