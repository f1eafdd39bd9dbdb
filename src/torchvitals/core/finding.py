"""A finding: what is wrong, where, since when, why we think so, and what to change."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is: info < warning < critical.

    Example:
        >>> Severity.WARNING >= Severity("info"), Severity.CRITICAL == "critical"
        (True, True)
    """

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0, 1 or 2."""
        return list(Severity).index(self)

    def __lt__(self, other: str) -> bool:
        return self.rank < Severity(other).rank

    def __le__(self, other: str) -> bool:
        return self.rank <= Severity(other).rank

    def __gt__(self, other: str) -> bool:
        return self.rank > Severity(other).rank

    def __ge__(self, other: str) -> bool:
        return self.rank >= Severity(other).rank


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One measured value against the band a healthy run keeps."""

    tag: str  # the tag in the log that shows it; empty for a fact of the manifest
    observed: float
    low: float | None = None  # healthy range; None: no bound on that side
    high: float | None = None
    unit: str = ""
    sentence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """One thing to change, and what the plot should look like afterwards."""

    change: str
    expect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One symptom found in a run."""

    symptom: str  # stable kebab-case name
    code: str  # stable short code, for mute lists
    severity: Severity
    summary: str
    module: str | None = None  # qualified module or parameter name; None: the run as a whole
    modules: tuple[str, ...] = ()  # every module concerned, in forward order
    first_step: int = 0
    last_step: int = 0
    evidence: tuple[Evidence, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    caused_by: str | None = None  # symptom of the root finding this one follows from
    notes: tuple[str, ...] = ()  # ids of the course-notes items it serves


class Why(StrEnum):
    """Why a rule did not judge."""

    NOT_APPLICABLE = "not applicable"  # there is nothing of the kind in this training: no attention, no loss scale
    NOT_MEASURED = "not measured"  # the log does not hold what the rule needs
    TOO_EARLY = "too early"  # not enough evidence yet
    LEFT_OUT = "left out"  # muted, or not selected
    BROKEN = "broken"  # the rule itself failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A rule that could not judge, and why. Never to be read as health."""

    rule: str
    reason: str
    why: Why = Why.NOT_APPLICABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Clean:
    """A rule that judged and found nothing: the value it saw, against its band."""

    rule: str
    reason: str


Outcome = tuple[Finding, ...] | Clean | Skipped
