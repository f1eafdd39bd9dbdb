"""Every rule on its own cases, really trained: it finds what it is for, and nobody accuses the healthy ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from training import record

import torchvitals
from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.finding import Severity
from torchvitals.diagnosis.engine import all_rules
from torchvitals.diagnosis.rule import Case, Rule

# What does not help against a gradient that vanishes or explodes; the course notes list these as distractors.
DISTRACTORS = ("dropout", "early stopping", "another optimizer", "adam", "class balance", "class weight", "weight decay")
GRADIENT_FLOW = ("vanishing-gradient", "exploding-gradient")


def cases(kind: str) -> list[object]:
    return [pytest.param(rule, case, id=f"{rule.name()}: {case.name}") for rule in all_rules() for case in getattr(rule, kind)]


@pytest.mark.parametrize(("rule", "case"), cases("sick"))
def test_a_rule_finds_its_sick_cases_as_the_root(rule: Rule, case: Case, tmp_path: Path) -> None:
    diagnosis = torchvitals.diagnose(record(case, tmp_path))
    roots = {f.symptom: f for f in diagnosis.at_least(Severity.WARNING)}
    assert rule.name() in roots, shown(diagnosis)
    assert diagnosis.verdict in {"warning", "critical"}
    if case.module is not None:
        assert roots[rule.name()].module == case.module
    assert_well_formed(diagnosis)


@pytest.mark.parametrize(("rule", "case"), cases("healthy"))
def test_nobody_accuses_a_healthy_case(rule: Rule, case: Case, tmp_path: Path) -> None:
    diagnosis = torchvitals.diagnose(record(case, tmp_path))
    assert not [f for f in diagnosis.findings if f.severity >= Severity.WARNING], shown(diagnosis)
    assert rule.name() not in {f.symptom for f in diagnosis.findings}, shown(diagnosis)


def assert_well_formed(diagnosis: Diagnosis) -> None:
    """Whatever was found says why, what to change and what will then be seen."""
    for finding in diagnosis.findings:
        assert finding.evidence
        assert all(e.sentence for e in finding.evidence)
        assert finding.remedies
        assert all(r.change and r.expect for r in finding.remedies)
        assert finding.first_step <= finding.last_step
        assert finding.module is None or not finding.modules or finding.module in finding.modules
        if finding.symptom in GRADIENT_FLOW:
            advice = " ".join(r.change for r in finding.remedies).lower()
            assert not [d for d in DISTRACTORS if d in advice]


def shown(diagnosis: Diagnosis) -> str:
    return (
        "; ".join(f"{f.severity} {f.symptom} at {f.module} because of {f.caused_by}" for f in diagnosis.findings) or "nothing"
    )
