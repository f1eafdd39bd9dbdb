"""The items of the course notes as a checklist of one run: found, not measured, clear, and what is not built yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.finding import Clean, Finding, Severity, Skipped
from torchvitals.diagnosis.notes import Coverage

State = Literal["found", "not measured", "to look at", "not built yet", "clear", "not applicable"]
STATES: tuple[State, ...] = ("found", "not measured", "to look at", "not built yet", "clear", "not applicable")  # worst first
# The lists that are gone through for a run; the other notes are facts about architectures and optimizers.
LISTS: dict[str, str] = {
    "C1": "Is it the gradient?",
    "C2": "It does not learn",
    "C3": "What did it learn?",
    "S": "Symptoms",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item of the notes, and what the rules that serve it said of a run."""

    note: str
    meaning: str
    rules: tuple[str, ...]
    checks: tuple[str, ...]  # views and measures to look at: no rule can judge them
    not_built: str
    findings: tuple[Finding, ...] = ()
    unjudged: tuple[Skipped, ...] = ()
    clean: tuple[Clean, ...] = ()
    aside: tuple[Skipped, ...] = ()

    @property
    def list(self) -> str:
        """The list it belongs to, in words."""
        return next(words for start, words in LISTS.items() if self.note.startswith(start))

    @property
    def severity(self) -> Severity | None:
        """The worst finding's; None when nothing was found."""
        return max((f.severity for f in self.findings), key=lambda s: s.rank, default=None)

    @property
    def state(self) -> State:
        """The worst that can be said: one rule that could not judge keeps an item from being clear."""
        if self.findings:
            return "found"
        if self.unjudged:
            return "not measured"
        if self.clean:
            return "clear"
        if self.aside:
            return "not applicable"
        if self.checks:
            return "to look at"
        return "not built yet" if self.not_built else "not measured"

    @property
    def why(self) -> str:
        """The state in one sentence."""
        looked = len(self.clean)
        sentences = {
            "found": _listed([f"{f.symptom} since step {f.first_step:,}" for f in self.findings]),
            "not measured": self._unjudged(),
            "to look at": f"No rule judges this. It is served by: {', '.join(self.checks)}.",
            "not built yet": f"Missing: {self.not_built}.",
            "clear": f"{looked} {'rule' if looked == 1 else 'rules'} looked and found nothing.",
            "not applicable": self.aside[0].reason if self.aside else "",
        }
        return sentences[self.state]

    def _unjudged(self) -> str:
        if not self.unjudged:
            return "No rule has looked at it in this run."
        first, more = self.unjudged[0], len(self.unjudged) - 1
        others = f", and {more} more" if more else ""
        seen = f" ({len(self.clean)} found nothing)" if self.clean else ""
        return f"{first.rule} could not judge: {first.reason}{others}{seen}"


def checklist(diagnosis: Diagnosis, covered: Sequence[Coverage]) -> tuple[Item, ...]:
    """Every item of the lists, worst first, then in the order of the notes."""
    items = [_item(diagnosis, c) for c in covered if c.note.startswith(tuple(LISTS))]
    return tuple(sorted(items, key=lambda i: (STATES.index(i.state), -(i.severity.rank if i.severity else 0))))


def _item(diagnosis: Diagnosis, covered: Coverage) -> Item:
    mine = set(covered.rules)
    return Item(
        note=covered.note,
        meaning=covered.meaning,
        rules=covered.rules,
        checks=covered.checks,
        not_built=covered.not_built,
        findings=tuple(f for f in diagnosis.findings if f.symptom in mine or covered.note in f.notes),
        unjudged=tuple(s for s in diagnosis.unjudged if s.rule in mine),
        clean=tuple(c for c in diagnosis.clean if c.rule in mine),
        aside=tuple(s for s in diagnosis.aside if s.rule in mine),
    )


def _listed(parts: Sequence[str], most: int = 2) -> str:
    """The first few, and how many more there are.

    Example:
        >>> _listed(["a", "b", "c"])
        'a; b; and 1 more'
    """
    more = len(parts) - most
    return "; ".join([*parts[:most], *([f"and {more} more"] if more > 0 else [])])
