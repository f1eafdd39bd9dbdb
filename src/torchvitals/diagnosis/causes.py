"""Which finding is the root and which only follow from it: by onset and by the tree of causes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from torchvitals.core.finding import Finding, Severity
from torchvitals.diagnosis.rule import Rule

SLACK_STEPS = 20  # a consequence may be seen this much before its cause: they are measured at different moments
SLACK_SHARE = 0.05  # of the run, for long intervals between recorded steps


def root_causes_first(findings: Sequence[Finding], rules: Mapping[str, Rule], *, last_step: int) -> tuple[Finding, ...]:
    """Hang every finding under the root that explains it; roots first, the worst, most basic and earliest leading."""
    slack = max(SLACK_STEPS, SLACK_SHARE * last_step)
    parents = {id(f): _parent(f, findings, rules, slack) for f in findings}
    roots = {id(f): _root(f, parents) for f in findings}
    linked = [replace(f, severity=_weight(f, findings, roots), caused_by=_cause(f, roots)) for f in findings]
    return tuple(sorted(linked, key=lambda f: (f.caused_by is not None, -f.severity.rank, *_precedence(f, rules))))


def _cause(finding: Finding, roots: Mapping[int, Finding]) -> str | None:
    root = roots[id(finding)]
    return None if root is finding else root.symptom


def _weight(finding: Finding, findings: Sequence[Finding], roots: Mapping[int, Finding]) -> Severity:
    """A root is as bad as the worst that follows from it."""
    follows = [f.severity for f in findings if roots[id(f)] is finding]
    return max((finding.severity, *follows), key=lambda s: s.rank)


def _parent(finding: Finding, findings: Sequence[Finding], rules: Mapping[str, Rule], slack: float) -> Finding | None:
    """The most basic finding that explains this one and did not come after it."""
    causes = [f for f in findings if f is not finding and _explains(f, finding, rules, slack)]
    return min(causes, key=lambda f: _precedence(f, rules), default=None)


def _explains(cause: Finding, effect: Finding, rules: Mapping[str, Rule], slack: float) -> bool:
    if effect.symptom not in rules[cause.symptom].explains or cause.first_step > effect.first_step + slack:
        return False
    if cause.severity is Severity.INFO and effect.severity is not Severity.INFO:
        return False  # what is held harmless cannot excuse what is not
    # Two that may explain each other: the earlier one does; within a step the gradient precedes the update made of it.
    mutual = cause.symptom in rules[effect.symptom].explains
    return not mutual or _moment(cause, rules) < _moment(effect, rules)


def _moment(finding: Finding, rules: Mapping[str, Rule]) -> tuple[int, int]:
    return (finding.first_step, -rules[finding.symptom].stage)


def _precedence(finding: Finding, rules: Mapping[str, Rule]) -> tuple[int, int, str]:
    return (rules[finding.symptom].stage, finding.first_step, finding.code)


def _root(finding: Finding, parents: Mapping[int, Finding | None]) -> Finding:
    """The end of the chain of parents; where the chain is a ring, the earliest of the ring."""
    chain = [finding]
    while (parent := parents[id(chain[-1])]) is not None:
        if any(parent is f for f in chain):
            ring = chain[next(i for i, f in enumerate(chain) if f is parent) :]
            return min(ring, key=lambda f: (f.first_step, f.code))
        chain.append(parent)
    return chain[-1]
