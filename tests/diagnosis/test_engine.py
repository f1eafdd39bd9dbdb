"""Every rule is accounted for, what was not measured is said, and the verdict follows from the findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest
from foreign_log import write_log
from hand_made import run_of

import torchvitals
from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.finding import Finding, Outcome, Severity
from torchvitals.core.run import Run
from torchvitals.diagnosis.engine import all_rules, diagnose
from torchvitals.diagnosis.gate import MIN_POINTS
from torchvitals.diagnosis.rule import Case, Rule, Stage

NAMES = sorted(rule.name() for rule in all_rules())
FALLING = [2.0 - 0.05 * i for i in range(30)]
FLAT = [2.0] * 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted(Rule):
    """A rule that finds something in every run."""

    code: ClassVar[str] = "X001"
    severity: ClassVar[Severity] = Severity.CRITICAL
    stage: ClassVar[Stage] = Stage.FLOW
    needs: ClassVar[tuple[str, ...]] = ("loss",)
    min_steps: ClassVar[int] = 5
    gated: ClassVar[bool] = True
    explains: ClassVar[tuple[str, ...]] = ()
    notes: ClassVar[tuple[str, ...]] = ()
    sick: ClassVar[tuple[Case, ...]] = ()
    healthy: ClassVar[tuple[Case, ...]] = ()

    level: Severity = Severity.CRITICAL

    def check(self, run: Run) -> Outcome:
        return (Finding(symptom=self.name(), code=self.code, severity=self.level, summary=f"{len(run.steps)} steps."),)


class Ungated(Planted):
    __slots__ = ()
    gated: ClassVar[bool] = False


class Silent(Planted):
    __slots__ = ()

    def check(self, run: Run) -> Outcome:
        return self.clean(f"{len(run.steps)} steps seen")


def places(diagnosis: Diagnosis) -> list[str]:
    return sorted(
        [*{f.symptom for f in diagnosis.findings}, *(s.rule for s in diagnosis.skipped), *(c.rule for c in diagnosis.clean)]
    )


def test_every_rule_is_in_exactly_one_place(run: Run) -> None:
    diagnosis = diagnose(run)
    assert places(diagnosis) == NAMES
    assert all(s.reason for s in (*diagnosis.skipped, *diagnosis.clean))


def test_the_real_runs_get_their_verdicts(runs: Mapping[str, Run]) -> None:
    said = {name: diagnose(run) for name, run in runs.items()}
    assert (said["healthy"].verdict, said["healthy"].findings) == ("healthy", ())
    assert (said["standing still"].verdict, said["standing still"].roots[0].symptom) == ("critical", "vanishing-gradient")
    assert (said["collapsing"].verdict, said["collapsing"].roots[0].symptom) == ("critical", "learning-rate-too-high")


def test_a_collapse_has_one_root_however_much_it_breaks(runs: Mapping[str, Run]) -> None:
    diagnosis = diagnose(runs["collapsing"])
    assert len(diagnosis.roots) == 1
    assert diagnosis.children(diagnosis.roots[0])


@pytest.mark.parametrize("measure", ["grad_norm", "update_ratio", "gradient_carryover", "loss"])
def test_without_a_measure_its_rules_are_skipped_and_say_so(runs: Mapping[str, Run], measure: str) -> None:
    run = runs["standing still"]
    diagnosis = diagnose(replace(run, scalars={t: s for t, s in run.scalars.items() if t.measure != measure}))
    reasons = {s.rule: s.reason for s in diagnosis.skipped}
    needing = {rule.name() for rule in all_rules() if measure in rule.needs}
    assert needing
    assert needing <= set(reasons)
    assert all(measure in reasons[name] for name in needing)
    assert places(diagnosis) == NAMES


def test_a_run_that_is_too_short_is_not_judged() -> None:
    diagnosis = diagnose(run_of({"loss/train": FLAT[:4]}), [Planted()])
    assert diagnosis.verdict == "unknown"
    assert diagnosis.skipped[0].reason.startswith("4 recorded steps")


def test_rules_do_not_see_what_comes_after_a_collapse() -> None:
    diagnosis = diagnose(run_of({"loss/train": [*FLAT, *[float("nan")] * 10]}), [Planted()])
    assert diagnosis.findings[0].summary == "30 steps."


@pytest.mark.parametrize(
    ("rule", "losses", "severity"),
    [
        (Planted(), FALLING, Severity.INFO),
        (Planted(), FLAT, Severity.CRITICAL),
        (Planted(), FALLING[: MIN_POINTS - 1], Severity.CRITICAL),
        (Ungated(), FALLING, Severity.CRITICAL),
    ],
    ids=["gated, learns", "gated, stands still", "gated, nothing known", "not gated, learns"],
)
def test_who_learns_is_not_accused_of_not_learning(rule: Rule, losses: list[float], severity: Severity) -> None:
    (finding,) = diagnose(run_of({"loss/train": losses}), [rule]).findings
    assert finding.severity is severity
    assert ("It learns all the same" in finding.summary) == (severity is Severity.INFO)


@pytest.mark.parametrize("level", list(Severity))
def test_the_verdict_is_the_worst_root(level: Severity) -> None:
    assert diagnose(run_of({"loss/train": FLAT}), [Planted(level=level), Silent()]).verdict == level


def test_nothing_found_is_health_only_if_enough_was_judged_and_the_loss_is_known() -> None:
    blind = replace_needs("never_measured")
    assert diagnose(run_of({"loss/train": FALLING}), [Silent(), blind]).verdict == "healthy"
    assert diagnose(run_of({"loss/train": FALLING}), [Silent(), blind, blind]).verdict == "unknown"
    assert diagnose(run_of({"loss/train": FALLING[:7]}), [Silent()]).verdict == "unknown"


def replace_needs(measure: str) -> Rule:
    """A rule that needs something else."""
    return type("Blind", (Silent,), {"needs": (measure,), "__slots__": ()})()


def test_a_log_of_another_tool_with_a_loss_alone_is_unknown(tmp_path: Path) -> None:
    write_log(tmp_path, {"loss/train": FALLING})
    diagnosis = torchvitals.diagnose(tmp_path)
    assert diagnosis.verdict == "unknown"
    assert len(diagnosis.skipped) > len(diagnosis.clean) > 0
    assert any("no manifest" in s.reason for s in diagnosis.skipped)
    assert diagnosis.findings == ()


def test_a_rule_that_says_nothing_or_raises_costs_only_itself() -> None:
    mute = type("Mute", (Planted,), {"check": lambda *_: (), "__slots__": ()})()
    broken = type("Broken", (Planted,), {"check": lambda *_: 1 / 0, "__slots__": ()})()
    diagnosis = diagnose(run_of({"loss/train": FLAT}), [mute, broken, Planted()])
    assert [f.symptom for f in diagnosis.findings] == ["planted"]
    reasons = {s.rule: s.reason for s in diagnosis.skipped}
    assert "did not say why" in reasons["mute"]
    assert "ZeroDivisionError" in reasons["broken"]
