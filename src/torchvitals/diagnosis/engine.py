"""Run all rules over a run and put what they say in order: gate, causes, verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torchvitals.core.diagnosis import Diagnosis, Verdict
from torchvitals.core.discover import discover
from torchvitals.core.finding import Clean, Finding, Outcome, Severity, Skipped
from torchvitals.core.run import Run
from torchvitals.diagnosis import rules as rules_package
from torchvitals.diagnosis.causes import root_causes_first
from torchvitals.diagnosis.gate import Learning, learning
from torchvitals.diagnosis.rule import Rule
from torchvitals.diagnosis.sound import sound

MANIFEST = "manifest"  # a rule that needs it reads facts which only a log of ours holds


def all_rules() -> tuple[Rule, ...]:
    """Every rule of the folder with its default thresholds, and those of third parties (entry points `torchvitals.rules`)."""
    found = discover(rules_package, Rule, group="torchvitals.rules")  # type: ignore[type-abstract]
    return tuple(sorted((cls() for cls in found), key=lambda r: r.code))


def diagnose(run: Run, rules: Sequence[Rule] | None = None) -> Diagnosis:
    """Judge a run by all rules, or by those given."""
    chosen = all_rules() if rules is None else tuple(rules)
    state, before_collapse = learning(run), sound(run)
    findings: list[Finding] = []
    skipped: list[Skipped] = []
    clean: list[Clean] = []
    for rule in chosen:
        outcome = judge(rule, run if rule.whole else before_collapse)
        if isinstance(outcome, Skipped):
            skipped.append(outcome)
        elif isinstance(outcome, Clean):
            clean.append(outcome)
        else:
            findings += [gated(f, rule, state) for f in outcome]
    ordered = root_causes_first(findings, {r.name(): r for r in chosen}, last_step=int(run.steps[-1]) if len(run.steps) else 0)
    return Diagnosis(
        run=run.name,
        verdict=verdict(ordered, state, judged=len(chosen) - len(skipped), rules=len(chosen)),
        findings=ordered,
        skipped=tuple(skipped),
        clean=tuple(clean),
        problems=run.problems,
    )


def judge(rule: Rule, run: Run) -> Outcome:
    """What one rule says, or why it cannot say anything."""
    if MANIFEST in rule.needs and run.manifest is None:
        return rule.skip("the log has no manifest; it was not recorded by torchvitals.watch")
    missing = [m for m in rule.needs if m != MANIFEST and m not in run.measures]
    if missing:
        return rule.skip(f"not measured: {', '.join(missing)}")
    if len(run.steps) < rule.min_steps:
        return rule.skip(f"{len(run.steps)} recorded steps with finite values; {rule.min_steps} are needed")
    outcome = rule.check(run)
    if outcome == ():
        raise AssertionError(
            f"{rule.name()} found nothing and did not say why; return self.clean(...) instead of an empty tuple"
        )
    return outcome


def gated(finding: Finding, rule: Rule, state: Learning) -> Finding:
    """A run that learns well is not accused of a condition whose only harm is not learning."""
    if not (rule.gated and state.well):
        return finding
    return replace(finding, severity=Severity.INFO, summary=f"{finding.summary} It learns all the same: {state.sentence}.")


def verdict(findings: Sequence[Finding], state: Learning, *, judged: int, rules: int) -> Verdict:
    """The worst root finding; without one, `healthy` only if enough was measured to say so."""
    worst = max((f.severity for f in findings if f.caused_by is None), key=lambda s: s.rank, default=None)
    if worst is not None:
        return worst.value
    return "unknown" if state.status == "unknown" or 2 * judged < rules else "healthy"
