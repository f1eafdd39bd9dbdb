"""Error rates of a set of judged runs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from verdicts_judge import Judged

Z = 1.959963984540054  # of a normal distribution, 95 % lie within ± so many deviations


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """k of n, with the 95 % interval of Wilson (1927, J. Am. Stat. Assoc. 22, 209-212).

    Example:
        >>> print(Rate(hits=0, of=100), Rate(hits=9, of=10), Rate(hits=0, of=0))
        0.0 % (0.0 to 3.7) 90.0 % (59.6 to 98.2) –
    """

    hits: int
    of: int

    @classmethod
    def count(cls, answers: Iterable[bool]) -> Rate:
        """Of yes and no."""
        several = list(answers)
        return cls(hits=sum(several), of=len(several))

    @property
    def interval(self) -> tuple[float, float]:
        """(p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n)."""
        p, n = self.hits / self.of, self.of
        middle, half = p + Z**2 / (2 * n), Z * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
        return max((middle - half) / (1 + Z**2 / n), 0.0), min((middle + half) / (1 + Z**2 / n), 1.0)

    def __str__(self) -> str:
        if not self.of:
            return "–"
        low, high = self.interval
        return f"{self.hits / self.of:.1%} ({100 * low:.1f} to {100 * high:.1f})".replace("%", " %")


@dataclass(frozen=True, slots=True, kw_only=True)
class Overall:
    """A whole set."""

    false_alarms: Rate  # healthy runs of which anything was said aloud
    remarks: Rate  # healthy runs of which something was remarked, below the level asked for
    recall: Rate  # sick runs of which something true was said
    loud: Rate  # … at or above the level asked for
    named: Rate  # … and it was the planted symptom itself
    first: Rate  # … and it was said first
    located: Rate  # of the true findings about a fault that has a place, those that name the place
    findings: float  # root findings a sick run, on average
    findings_at_most: int
    steps: float  # until the first true report: median of the sick runs that have one
    unjudged: int  # runs of which nothing was said because the tool, or the reading of the log, failed


@dataclass(frozen=True, slots=True, kw_only=True)
class OfRule:
    """One symptom."""

    symptom: str
    false_alarms: Rate  # healthy runs of which it was said
    recall: Rate  # runs it was planted in of which something true was said
    named: Rate  # … and it was this
    first: Rate
    located: Rate
    astray: Rate  # runs with another fault, of which it is not true, and of which it was said first
    steps: float


def overall(runs: Sequence[Judged]) -> Overall:
    """Of healthy and sick runs together."""
    healthy, sick = [r for r in runs if r.program.healthy], [r for r in runs if not r.program.healthy]
    counts = [len(r.alarms) for r in sick]
    return Overall(
        false_alarms=Rate.count(bool(r.alarms) for r in healthy),
        remarks=Rate.count(bool(r.remarks) for r in healthy),
        recall=Rate.count(bool(r.true) for r in sick),
        loud=Rate.count(r.loud for r in sick),
        named=Rate.count(r.named for r in sick),
        first=Rate.count(r.first for r in sick),
        located=Rate.count(r.located for r in sick if r.located is not None),
        findings=statistics.fmean(counts) if counts else math.nan,
        findings_at_most=max(counts, default=0),
        steps=_steps(sick),
        unjudged=sum(bool(r.problem) for r in runs),
    )


def of_rule(symptom: str, runs: Sequence[Judged]) -> OfRule:
    """What one rule gets right and wrong."""
    healthy = [r for r in runs if r.program.healthy]
    planted = [r for r in runs if r.program.symptoms[:1] == (symptom,)]
    others = [r for r in runs if not r.program.healthy and symptom not in r.program.symptoms]
    return OfRule(
        symptom=symptom,
        false_alarms=Rate.count(any(symptom in s.symptoms for s in r.alarms) for r in healthy),
        recall=Rate.count(bool(r.true) for r in planted),
        named=Rate.count(r.named for r in planted),
        first=Rate.count(r.first for r in planted),
        located=Rate.count(r.located for r in planted if r.located is not None),
        astray=Rate.count(bool(r.said) and symptom in r.said[0].symptoms and not r.first for r in others),
        steps=_steps(planted),
    )


def _steps(runs: Iterable[Judged]) -> float:
    found = [r.reported_at for r in runs if r.reported_at is not None]
    return statistics.median(found) if found else math.nan
