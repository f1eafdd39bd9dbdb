"""The verdict on a run, with every rule accounted for."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from typing import Any, Literal

from torchvitals.core.finding import Clean, Finding, Severity, Skipped, Why
from torchvitals.core.jsonable import jsonable

SCHEMA_VERSION = 1
Verdict = Literal["critical", "warning", "info", "healthy", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Every rule lands in exactly one of `findings`, `skipped` and `clean`.

    `findings` holds the root causes first, worst and earliest first; what follows from a root stands behind them and names
    it in `caused_by`.
    """

    run: str
    verdict: Verdict
    confidence: float = 1.0  # share of the applicable rules that had enough evidence to judge
    findings: tuple[Finding, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    clean: tuple[Clean, ...] = ()
    problems: tuple[str, ...] = ()  # what was lost or skipped while reading the log

    @property
    def roots(self) -> tuple[Finding, ...]:
        """The findings that no other finding explains."""
        return tuple(f for f in self.findings if f.caused_by is None)

    @property
    def unjudged(self) -> tuple[Skipped, ...]:
        """Rules that apply to this training and could not judge it: never to be read as health."""
        return tuple(s for s in self.skipped if s.why in (Why.NOT_MEASURED, Why.TOO_EARLY, Why.BROKEN))

    @property
    def aside(self) -> tuple[Skipped, ...]:
        """Rules for which there is nothing in this training, or which were muted or not selected."""
        return tuple(s for s in self.skipped if s.why in (Why.NOT_APPLICABLE, Why.LEFT_OUT))

    def children(self, root: Finding) -> tuple[Finding, ...]:
        """The findings that follow from a root."""
        return tuple(f for f in self.findings if f.caused_by == root.symptom)

    def at_least(self, severity: Severity) -> tuple[Finding, ...]:
        """The root findings at or above a severity."""
        return tuple(f for f in self.roots if f.severity >= severity)

    def to_dict(self) -> dict[str, Any]:
        """The diagnosis as plain values, non-finite numbers as strings; its schema is `docs/diagnosis.schema.json`."""
        return {
            "schema_version": SCHEMA_VERSION,
            "run": self.run,
            "verdict": self.verdict,
            "confidence": round(self.confidence, 3),
            "findings": jsonable(self.findings),
            "skipped": jsonable(self.skipped),
            "clean": jsonable(self.clean),
            "problems": list(self.problems),
        }

    def to_json(self) -> str:
        """Strict JSON, the source every other format renders from."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)

    def _repr_html_(self) -> str:
        """A short table for notebooks."""
        rows = "".join(
            f"<tr><td>{html.escape(f.severity)}</td><td>{html.escape(f.symptom)}</td>"
            f"<td>{html.escape(f.module or '')}</td><td>{f.first_step}</td><td>{html.escape(f.summary)}</td></tr>"
            for f in self.findings
        )
        head = "<tr><th>severity</th><th>symptom</th><th>where</th><th>since step</th><th>what</th></tr>"
        return f"<p><b>{html.escape(self.run)}: {self.verdict}</b></p><table>{head}{rows}</table>"
