"""Rules that run while the training does: each new finding is said once, as it is confirmed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torchvitals.core.finding import Finding, Severity
from torchvitals.core.tag import Tag
from torchvitals.diagnosis import engine
from torchvitals.errors import LogError, TrainingStoppedError
from torchvitals.reading.reader import Reader
from torchvitals.store.tensorboard import TensorBoardSink

CONFIRMED = 2  # reviews in a row that must find it
CLEARED = 3  # reviews in a row that must not, before it may be said again
TAG = Tag(measure="torchvitals", subject="live")
OnFinding = Callable[[Finding], None]


@dataclass(slots=True)
class Standing:
    """What is known of one finding: how often in a row it was found, how often it was not, and whether it was said."""

    found: int = 0
    absent: int = 0
    said: bool = False


class LiveReview:
    """Diagnoses the log of a training that goes on writing it.

    Args:
        sink: where the training is recorded; its own log is read back, only what is new in it.
        on_finding: called with every root finding when it is confirmed.
        stop_on: end the training when a finding of this severity or worse is confirmed; None: never.
    """

    def __init__(self, sink: TensorBoardSink, *, on_finding: OnFinding | None = None, stop_on: Severity | None = None) -> None:
        self._sink = sink
        self._reader = Reader(sink.logdir)
        self._on_finding = on_finding
        self._stop_on = stop_on
        self._standing: dict[tuple[str, str | None], Standing] = {}
        self._stop: TrainingStoppedError | None = None

    def __call__(self) -> None:
        """Look at what has been recorded so far."""
        self._sink.flush()
        try:
            run = self._reader.poll()
        except LogError:  # the folder is gone, and that has been said
            return
        if run is not None and run.measures:
            last = int(run.steps[-1]) if len(run.steps) else 0
            self._tell(self._confirmed(engine.diagnose(run).roots), last)

    def stop(self) -> TrainingStoppedError | None:
        """What the recorder is to raise into the loop, once; None as long as nothing is bad enough, or nobody asked for it."""
        stop, self._stop = self._stop, None
        return stop

    def said(self, finding: Finding) -> bool:
        """Whether a finding was told already."""
        standing = self._standing.get(_identity(finding))
        return standing is not None and standing.said

    def _confirmed(self, roots: Iterable[Finding]) -> list[Finding]:
        """Findings that have just been found often enough; those gone for long enough are forgotten."""
        now = {_identity(finding): finding for finding in roots}
        fresh = []
        for identity, finding in now.items():
            standing = self._standing.setdefault(identity, Standing())
            standing.found, standing.absent = standing.found + 1, 0
            if standing.found >= CONFIRMED and not standing.said:
                standing.said = True
                fresh.append(finding)
        for identity in [i for i in self._standing if i not in now]:
            standing = self._standing[identity]
            standing.found, standing.absent = 0, standing.absent + 1
            if standing.absent >= CLEARED:
                del self._standing[identity]
        return fresh

    def _tell(self, findings: Iterable[Finding], step: int) -> None:
        for finding in findings:
            line = one_line(finding)
            if finding.severity >= Severity.WARNING:
                print(f"torchvitals: {line}", file=sys.stderr, flush=True)
            self._sink.write_text(TAG, line, step)
            if self._on_finding is not None:
                self._on_finding(finding)
            if self._stop_on is not None and finding.severity >= self._stop_on and self._stop is None:
                self._stop = TrainingStoppedError(
                    f"{line} (stopped by watch(stop_on={self._stop_on.value!r}); leave it out to train on)", finding
                )


def one_line(finding: Finding) -> str:
    """Severity, layer, step, and what to do, in one line.

    Example:
        >>> one_line(Finding(symptom="dead-relu", code="TV701", severity=Severity.WARNING, summary="Units are dead."))
        'warning: dead-relu since step 0: Units are dead.'
    """
    where = f" in {finding.module}" if finding.module else ""
    remedy = f" {finding.remedies[0].change}" if finding.remedies else ""
    text = f"{finding.severity.value}: {finding.symptom}{where} since step {finding.first_step}: {finding.summary}{remedy}"
    return " ".join(text.split())


def _identity(finding: Finding) -> tuple[str, str | None]:
    return finding.symptom, finding.module
