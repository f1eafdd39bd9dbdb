"""What every format is given: a run and what was found in it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.finding import Evidence, Finding
from torchvitals.core.run import Run
from torchvitals.present.theme import format_band, format_value

# Beyond these a fraction reads better as a plain number than as per cent.
SMALLEST_PER_CENT = 1e-3
LARGEST_PER_CENT = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One run of a report, with its diagnosis."""

    run: Run
    diagnosis: Diagnosis

    @property
    def lead(self) -> Finding | None:
        """The finding to name first."""
        return next(iter(self.diagnosis.roots), None)

    def counts(self) -> str:
        """How many rules found nothing, how many could not judge, and for how many there was nothing to judge."""
        d = self.diagnosis
        aside = f" · {len(d.aside)} not applicable" if d.aside else ""
        return f"{len(d.findings)} found · {len(d.clean)} clean · {len(d.unjudged)} not measured{aside}"


Sections = Sequence[Section]


def where(finding: Finding) -> str:
    """The layer a finding names, and how many more it concerns; empty for the run as a whole."""
    if finding.module is None:
        return ""
    # In nn.Sequential layers are called "0", "1", …: alone in a sentence that reads like a count.
    name = f"layer {finding.module}" if re.fullmatch(r"[\d.]+", finding.module) else finding.module
    more = len(set(finding.modules) - {finding.module})
    return f"{name} and {more} more" if more else name


def reading(evidence: Evidence) -> tuple[str, str]:
    """The observed value and its healthy band in words, both as per cent or neither."""
    numbers = [abs(v) for v in (evidence.observed, evidence.low, evidence.high) if v and math.isfinite(v)]
    awkward = any(v < SMALLEST_PER_CENT or v > LARGEST_PER_CENT for v in numbers)
    unit = "" if evidence.unit == "fraction" and awkward else evidence.unit
    return format_value(evidence.observed, unit), format_band(evidence.low, evidence.high, unit)


def headline(section: Section) -> str:
    """The verdict on one run in one line, without its name."""
    lead, verdict = section.lead, section.diagnosis.verdict
    if lead is None:
        if verdict == "unknown":
            return "too little was recorded to judge"
        rules = len(section.diagnosis.clean)
        return f"nothing found by {rules} {'rule' if rules == 1 else 'rules'}"
    place = f" in {where(lead)}" if lead.module else ""
    more = len(section.diagnosis.roots) - 1
    return f"{lead.symptom}{place} since step {lead.first_step:,}" + (f", and {more} more" if more else "")
