"""JSON: the source of truth, for other programs. Its schema is `docs/diagnosis.schema.json`."""

from __future__ import annotations

import json

from torchvitals.core.diagnosis import SCHEMA_VERSION
from torchvitals.present.report.section import Sections


def render(sections: Sections) -> str:
    """One run: its diagnosis. Several (or none): an object whose `runs` holds one diagnosis each."""
    if len(sections) == 1:
        return sections[0].diagnosis.to_json() + "\n"
    runs = {"schema_version": SCHEMA_VERSION, "runs": [s.diagnosis.to_dict() for s in sections]}
    return json.dumps(runs, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
