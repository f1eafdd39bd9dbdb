"""Run all rules over a run and put what they say in order: gate, causes, verdict."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from torchvitals.core.diagnosis import Diagnosis, Verdict
from torchvitals.core.discover import discover
from torchvitals.core.finding import Clean, Finding, Outcome, Severity, Skipped, Why
from torchvitals.core.run import Run
from torchvitals.diagnosis import rules as rules_package
from torchvitals.diagnosis.baseline import bands, departures
from torchvitals.diagnosis.causes import root_causes_first
from torchvitals.diagnosis.gate import Learning, learning
from torchvitals.diagnosis.rule import Rule
from torchvitals.diagnosis.settings import Chosen, Settings, chosen, from_environment, from_pyproject
from torchvitals.diagnosis.sound import sound

ENOUGH = 0.5  # share of the applicable rules that must have judged before a run without a finding is called healthy
MANIFEST = "manifest"  # a rule that needs it reads facts which only a log of ours holds


def all_rules() -> tuple[Rule, ...]:
    """Every rule of the folder with its default thresholds, and those of third parties (entry points `torchvitals.rules`)."""
    found = discover(rules_package, Rule, group="torchvitals.rules")  # type: ignore[type-abstract]
    return tuple(sorted((cls() for cls in found), key=lambda r: r.code))


def diagnose(
    run: Run, rules: Sequence[Rule] | None = None, *, settings: Settings | None = None, baseline: Sequence[Run] = ()
) -> Diagnosis:
    """Judge a run by all rules as they are set, or by those given as they are; and against good runs, where there are any.

    Raises:
        ConfigError: `settings`, the environment or pyproject.toml name a symptom or threshold that there is not.
    """
    if rules is None:
        choice = chosen(all_rules(), (settings or Settings(), from_environment(), from_pyproject()))
    else:
        choice = Chosen(rules=tuple(rules))
    with quiet_arithmetic():
        return _judged(run, choice.rules, choice.left_out, baseline)


def _judged(run: Run, rules: Sequence[Rule], left_out: Mapping[str, str], baseline: Sequence[Run]) -> Diagnosis:
    state, before_collapse = learning(run), sound(run)
    findings: list[Finding] = []
    skipped = [Skipped(rule=name, reason=reason, why=Why.LEFT_OUT) for name, reason in left_out.items()]
    clean: list[Clean] = []
    for rule in rules:
        outcome = judge(rule, run if rule.whole else before_collapse)
        if isinstance(outcome, Skipped):
            skipped.append(outcome)
        elif isinstance(outcome, Clean):
            clean.append(outcome)
        else:
            findings += [gated(f, rule, state) for f in outcome]
    ordered = root_causes_first(findings, {r.name(): r for r in rules}, last_step=int(run.steps[-1]) if len(run.steps) else 0)
    if baseline:
        ordered = (*ordered, *departures(run, bands(baseline)))
    confidence = judged_share(skipped, rules=len(rules) + len(left_out))
    return Diagnosis(
        run=run.name,
        verdict=verdict(ordered, state, confidence),
        confidence=confidence,
        findings=ordered,
        skipped=tuple(skipped),
        clean=tuple(clean),
        problems=run.problems,
    )


def judge(rule: Rule, run: Run) -> Outcome:
    """What one rule says, or why it cannot say anything."""
    if MANIFEST in rule.needs and run.manifest is None:
        return rule.skip("the log has no manifest; it was not recorded by torchvitals.watch", Why.NOT_MEASURED)
    needed = [m for m in rule.needs if m != MANIFEST]
    missing = [m for m in needed if m not in run.measures]
    if missing:
        return _without(rule, run, missing)
    recorded = min(_points(run, m) for m in needed) if needed else len(run.steps)
    if recorded < rule.min_steps:
        return rule.too_early(f"{recorded} recorded steps with finite values; {rule.min_steps} are needed")
    try:
        with quiet_arithmetic():
            outcome = rule.check(run)
    except Exception as error:  # one broken rule, of a third party perhaps, must not cost the others' verdict
        return rule.skip(f"the rule raised {type(error).__name__}: {error}; please report this", Why.BROKEN)
    if outcome == ():
        return rule.skip("the rule found nothing and did not say why; it should return self.clean(...)", Why.BROKEN)
    return outcome


@contextmanager
def quiet_arithmetic() -> Iterator[None]:
    """A median of nothing but NaN is NaN, and so is the log of what has none: rules ask whether a number is finite."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def _without(rule: Rule, run: Run, missing: Sequence[str]) -> Skipped:
    """What a recorder measures whenever there is something of the kind, and did not, is not in this training."""
    looked_for = frozenset(m.name for m in run.manifest.measures) if run.manifest is not None else frozenset()
    listed = ", ".join(missing)
    if looked_for.issuperset(missing):
        return rule.skip(f"nothing to measure in this training: {listed}")
    return rule.skip(f"not measured: {listed}", Why.NOT_MEASURED)


def _points(run: Run, measure: str) -> int:
    """At how many steps a measure was recorded, of the subject that has most."""
    scalars = [len(series) for series in run.by_subject(measure).values()]
    vectors = [len(series) for series in run.vectors_by_subject(measure).values()]
    return max((*scalars, *vectors)) if scalars or vectors else len(run.steps)


def gated(finding: Finding, rule: Rule, state: Learning) -> Finding:
    """A run that learns well is not accused of a condition whose only harm is not learning."""
    if not (rule.gated and state.well):
        return finding
    return replace(finding, severity=Severity.INFO, summary=f"{finding.summary} It learns all the same: {state.sentence}.")


def judged_share(skipped: Sequence[Skipped], *, rules: int) -> float:
    """The share of the rules that judged, of those that there was something to judge for; 0 when there were none."""
    aside = sum(s.why in (Why.NOT_APPLICABLE, Why.LEFT_OUT) for s in skipped)
    applicable = rules - aside
    return (rules - len(skipped)) / applicable if applicable else 0.0


def verdict(findings: Sequence[Finding], state: Learning, confidence: float) -> Verdict:
    """The worst root finding; without one, `healthy` only if enough was measured to say so."""
    worst = max((f.severity for f in findings if f.caused_by is None), key=lambda s: s.rank, default=None)
    if worst is not None:
        return worst.value
    return "unknown" if state.status == "unknown" or confidence < ENOUGH else "healthy"
