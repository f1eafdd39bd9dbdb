"""What must not change a verdict: the run's name, tags nobody needs, and how densely the training was logged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from thinned import every, with_constants
from training import record

from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.run import Run
from torchvitals.diagnosis.engine import all_rules, diagnose
from torchvitals.diagnosis.rule import Case


def said(diagnosis: Diagnosis) -> list[tuple[str, str | None, str, str | None]]:
    return [(f.symptom, f.module, f.severity, f.caused_by) for f in diagnosis.findings]


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


@pytest.mark.parametrize("case", [pytest.param(r.sick[0], id=r.name()) for r in all_rules()])
def test_every_schedule_names_the_same_root(case: Case, tmp_path: Path) -> None:
    """Each step, each fifth, and as the default budget has it."""
    roots = set()
    for n in (1, 5, None):
        first = diagnose(record(case, tmp_path / str(n), every=n)).findings[0]
        roots.add((first.symptom, first.severity, first.caused_by))
    assert len(roots) == 1, roots
