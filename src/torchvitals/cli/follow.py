"""Follow the runs below a folder: what is new since the last look, each thing told once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from torchvitals.core.diagnosis import Diagnosis, Verdict
from torchvitals.core.finding import Finding
from torchvitals.core.run import Run
from torchvitals.diagnosis.engine import diagnose
from torchvitals.errors import LogError
from torchvitals.reading.foreign import understood
from torchvitals.reading.reader import Reader, find_runs, run_name
from torchvitals.reading.role_map import RoleMap
from torchvitals.reading.source import is_url

PATIENCE = 3  # looks in a row for which something must be absent before it is called gone: data comes in pieces
BADNESS: Sequence[Verdict] = ("unknown", "healthy", "info", "warning", "critical")
What = Literal["verdict", "found", "worse", "gone", "problem", "run-gone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that changed."""

    what: What
    name: str  # of the run
    run: Run | None = None  # as it was read; None once it is gone
    diagnosis: Diagnosis | None = None
    finding: Finding | None = None
    text: str = ""  # a problem in words, or why a finding went


@dataclass(slots=True)
class Told:
    """Something that was told, and for how many looks it has been absent since."""

    finding: Finding
    absent: int = 0


@dataclass(slots=True)
class Followed:
    """One run, and what has been told about it."""

    name: str
    reader: Reader
    maps: tuple[RoleMap, ...] = ()
    run: Run | None = None
    diagnosis: Diagnosis | None = None
    verdict: Verdict | None = None  # as it was told
    milder: int = 0  # looks for which the verdict has been milder than that
    told: list[Told] = field(default_factory=list)
    problems: dict[str, int] = field(default_factory=dict)  # looks for which each has stood

    def look(self) -> Iterator[Event]:
        """What changed since the last look.

        Raises:
            LogError: the run cannot be read any more.
            OSError: the same, in the middle of it.
        """
        run = self.reader.poll()
        if run is not None and run.measures:
            self.run = understood(replace(run, name=self.name), self.maps)
            self.diagnosis = diagnose(self.run)
        if self.diagnosis is not None:
            yield from self._verdict(self.diagnosis)
            yield from self._findings(self.diagnosis)
            yield from self._problems(self.diagnosis)

    def _verdict(self, diagnosis: Diagnosis) -> Iterator[Event]:
        """A worse verdict is told at once, a milder one when it has stayed."""
        if self.verdict is not None and BADNESS.index(diagnosis.verdict) <= BADNESS.index(self.verdict):
            self.milder = self.milder + 1 if diagnosis.verdict != self.verdict else 0
            if self.milder < PATIENCE:
                return
        self.verdict, self.milder = diagnosis.verdict, 0
        yield self._event("verdict")

    def _findings(self, diagnosis: Diagnosis) -> Iterator[Event]:
        left = list(diagnosis.roots)
        for known in list(self.told):
            now = next((f for f in left if same(f, known.finding)), None)
            if now is None:
                known.absent += 1
                if known.absent >= PATIENCE:
                    self.told.remove(known)
                    yield self._event("gone", known.finding, _why_gone(known.finding, diagnosis))
                continue
            left.remove(now)
            known.absent = 0
            if now.severity > known.finding.severity:
                yield self._event("worse", now)
            # The worst severity is kept: a finding that wavers between two must not be told at every turn.
            known.finding = replace(now, severity=max(now.severity, known.finding.severity, key=lambda s: s.rank))
        for finding in left:
            self.told.append(Told(finding))
            yield self._event("found", finding)

    def _problems(self, diagnosis: Diagnosis) -> Iterator[Event]:
        """A record that is being written looks incomplete for a moment: only what stays is told."""
        self.problems = {text: self.problems.get(text, 0) + 1 for text in diagnosis.problems}
        for text, looks in self.problems.items():
            if looks == PATIENCE:
                yield self._event("problem", text=text)

    def _event(self, what: What, finding: Finding | None = None, text: str = "") -> Event:
        return Event(what=what, name=self.name, run=self.run, diagnosis=self.diagnosis, finding=finding, text=text)


class Follower:
    """Every run at or below a path, those that appear later too; `maps` say what tags of other tools mean."""

    def __init__(self, logdir: str, maps: tuple[RoleMap, ...] = ()) -> None:
        self.logdir = logdir
        self.maps = maps
        self.runs: dict[str, Followed] = {}

    @property
    def waiting(self) -> bool:
        """Whether no run has shown a measurement yet."""
        return all(followed.run is None for followed in self.runs.values())

    def look(self) -> Iterator[Event]:
        """What changed since the last look, run by run."""
        found = self._paths()
        for path in [p for p in self.runs if p not in found]:
            yield from self._drop(path)
        for path, name in found.items():
            followed = self.runs.setdefault(path, Followed(name, Reader(path), self.maps))
            try:
                yield from followed.look()
            except (LogError, OSError):  # it went while it was looked at; should it come back, it is a new one
                yield from self._drop(path)

    def _drop(self, path: str) -> Iterator[Event]:
        gone = self.runs.pop(path)
        if gone.run is not None:
            yield Event(what="run-gone", name=gone.name)

    def _paths(self) -> dict[str, str]:
        """Every run by its path, with the name it goes by."""
        if is_url(self.logdir):
            return {self.logdir: run_name(self.logdir)}
        root = Path(self.logdir)
        try:
            paths = find_runs(root)
        except (LogError, OSError):
            return {}
        return {str(p): run_name(p.resolve()) if p == root else p.relative_to(root).as_posix() for p in paths}


def same(one: Finding, other: Finding) -> bool:
    """Whether two findings are one and the same, seen at different times: the worst of its layers may have changed."""
    if one.symptom != other.symptom:
        return False
    return one.module == other.module or one.module in other.modules or other.module in one.modules


def _why_gone(finding: Finding, diagnosis: Diagnosis) -> str:
    causes = [f.caused_by for f in diagnosis.findings if same(f, finding) and f.caused_by is not None]
    return f"it follows from {causes[0]}" if causes else "no longer found"
