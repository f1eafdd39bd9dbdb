"""One finding a cause: what hangs under what, and what stays a root."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from torchvitals.core.finding import Finding, Outcome, Severity
from torchvitals.core.run import Run
from torchvitals.diagnosis.causes import SLACK_STEPS, root_causes_first
from torchvitals.diagnosis.engine import all_rules
from torchvitals.diagnosis.rule import Rule, Stage

RULES = {rule.name(): rule for rule in all_rules()}


def found(symptom: str, step: int = 0, severity: Severity = Severity.CRITICAL) -> Finding:
    code = RULES[symptom].code if symptom in RULES else symptom
    return Finding(symptom=symptom, code=code, severity=severity, summary="", first_step=step, last_step=1000)


def causes(findings: Iterable[Finding], *, last_step: int = 100, rules: Mapping[str, Rule] = RULES) -> dict[str, str | None]:
    ordered = root_causes_first(list(findings), rules, last_step=last_step)
    assert sorted(f.symptom for f in ordered) == sorted(f.symptom for f in findings), "no finding may be lost"
    return {f.symptom: f.caused_by for f in ordered}


def test_what_follows_hangs_under_its_cause() -> None:
    assert causes([found("loss-not-decreasing"), found("vanishing-gradient")]) == {
        "vanishing-gradient": None,
        "loss-not-decreasing": "vanishing-gradient",
    }


def test_a_chain_ends_at_its_root() -> None:
    """The learning rate killed the units, dead units let the gradient vanish, and so nothing is learned."""
    assert causes(
        [found("loss-not-decreasing"), found("vanishing-gradient", 20), found("dead-relu", 10), found("learning-rate-too-high")]
    ) == {
        "learning-rate-too-high": None,
        "dead-relu": "learning-rate-too-high",
        "vanishing-gradient": "learning-rate-too-high",
        "loss-not-decreasing": "learning-rate-too-high",
    }


def test_a_cause_comes_no_later_than_its_effect_but_for_the_slack_of_measuring() -> None:
    early = found("dead-relu", 100)
    assert causes([early, found("learning-rate-too-high", 100 + SLACK_STEPS)])["dead-relu"] == "learning-rate-too-high"
    assert causes([early, found("learning-rate-too-high", 101 + SLACK_STEPS)])["dead-relu"] is None


def test_the_slack_grows_with_the_run() -> None:
    both = [found("dead-relu", 100), found("learning-rate-too-high", 500)]
    assert causes(both, last_step=1000)["dead-relu"] is None
    assert causes(both, last_step=10_000)["dead-relu"] == "learning-rate-too-high"


def test_a_root_is_as_bad_as_the_worst_that_follows_from_it() -> None:
    """So that `--fail-on critical` does not pass a run whose critical finding hangs under a warning."""
    root, effect = found("dead-relu", severity=Severity.WARNING), found("vanishing-gradient")
    first, second = root_causes_first([effect, root], RULES, last_step=100)
    assert (first.symptom, first.severity) == ("dead-relu", Severity.CRITICAL)
    assert (second.symptom, second.severity, second.caused_by) == ("vanishing-gradient", Severity.CRITICAL, "dead-relu")


def test_what_is_held_harmless_cannot_excuse_what_is_not() -> None:
    info = found("learning-rate-too-high", severity=Severity.INFO)
    assert causes([info, found("dead-relu")])["dead-relu"] is None
    assert causes([info, found("dead-relu", severity=Severity.INFO)])["dead-relu"] == "learning-rate-too-high"


@pytest.mark.parametrize(
    ("gradient", "rate", "root"),
    [(0, 5, "exploding-gradient"), (5, 0, "learning-rate-too-high"), (3, 3, "exploding-gradient")],
    ids=["gradient first", "learning rate first", "same step: the gradient precedes the update made of it"],
)
def test_of_two_that_may_explain_each_other_the_earlier_does(gradient: int, rate: int, root: str) -> None:
    linked = causes([found("exploding-gradient", gradient), found("learning-rate-too-high", rate)])
    assert [symptom for symptom, cause in linked.items() if cause is None] == [root]


def test_unrelated_findings_are_both_roots_the_worst_first() -> None:
    warning = found("parameters-not-optimized", severity=Severity.WARNING)
    assert list(causes([warning, found("non-finite")]).items()) == [("non-finite", None), ("parameters-not-optimized", None)]


def test_roots_of_one_severity_are_ordered_by_stage() -> None:
    ordered = root_causes_first([found("dead-relu"), found("gradients-not-zeroed", 50)], RULES, last_step=100)
    assert [f.symptom for f in ordered] == ["gradients-not-zeroed", "dead-relu"]


class Ringed(Rule):
    """A rule of a third party."""

    code, severity, stage = "X", Severity.CRITICAL, Stage.UNITS
    needs, min_steps, gated, notes, sick, healthy = ("loss",), 1, False, (), (), ()

    def check(self, run: Run) -> Outcome:
        raise AssertionError(run.name)


def rule_explaining(*symptoms: str) -> Rule:
    """A rule of a third party that names these as its consequences."""
    return type("Other", (Ringed,), {"explains": symptoms, "__slots__": ()})()


def test_a_ring_keeps_its_earliest_member_as_the_root_and_loses_nobody() -> None:
    rules = {"a": rule_explaining("b"), "b": rule_explaining("c"), "c": rule_explaining("a", "tail"), "tail": rule_explaining()}
    linked = causes([found("a", 5), found("b", 3), found("c", 4), found("tail", 0)], rules=rules)
    assert linked == {"b": None, "a": "b", "c": "b", "tail": "b"}


def test_nothing_found_stays_nothing() -> None:
    assert root_causes_first([], RULES, last_step=0) == ()
