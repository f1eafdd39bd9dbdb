"""A symptom's page, made from its rule: `torchvitals symptoms NAME` shows it, `docs/symptoms/` keeps it with its cases."""

from __future__ import annotations

import inspect
import io
import tokenize
from dataclasses import fields
from typing import Any

from torchvitals.core.jsonable import jsonable
from torchvitals.diagnosis.rule import Case, Rule


def page(rule: Rule) -> str:
    """The page as Markdown, the title first."""
    facts = (
        f"**Code** {rule.code} · **worst severity** {rule.severity} · **stage** {rule.stage.name.lower().replace('_', ' ')} · "
        f"**needs** {', '.join(f'`{n}`' for n in rule.needs) or 'nothing'} and {rule.min_steps} recorded steps"
    )
    parts = [f"# {rule.name()}", rule.summary(), facts, *_prose(rule), *_thresholds(rule), *_relations(rule)]
    return "\n\n".join(parts) + "\n"


def cases(rule: Rule) -> str:
    """The programs that the tests run, as Markdown: what must be found, and what must not."""
    found = [_case(case, "Found in") for case in rule.sick]
    silent = [_case(case, "Silent on") for case in rule.healthy]
    return "\n\n".join(["## Cases", *found, *silent]) + "\n" if found or silent else ""


def as_dict(rule: Rule) -> dict[str, Any]:
    """The same as plain values."""
    return {
        "name": rule.name(),
        "code": rule.code,
        "severity": rule.severity.value,
        "stage": rule.stage.name.lower(),
        "summary": rule.summary(),
        "needs": list(rule.needs),
        "min_steps": rule.min_steps,
        "gated": rule.gated,
        "explains": list(rule.explains),
        "notes": list(rule.notes),
        "thresholds": {f.name: jsonable(getattr(rule, f.name)) for f in fields(rule)},
        "documentation": rule.sections(),
    }


def field_comments(kind: type) -> dict[str, str]:
    """The comment that stands behind each field in the source; empty when the source is not at hand.

    Example:
        >>> from torchvitals.core.finding import Remedy
        >>> field_comments(Remedy)
        {}
    """
    try:
        source = inspect.getsource(kind)
    except OSError:
        return {}
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    comments = {t.start[0]: t.string.lstrip("# ") for t in tokens if t.type == tokenize.COMMENT}
    starts = {t.start[0]: t.string for t in reversed(tokens) if t.type == tokenize.NAME}
    return {name: comments[row] for row, name in sorted(starts.items()) if row in comments}


def _prose(rule: Rule) -> list[str]:
    return [f"## {head}\n\n{_fenced(body) if head == 'Formula' else body}" for head, body in rule.sections().items()]


def _fenced(text: str, language: str = "text") -> str:
    return f"```{language}\n{text.strip()}\n```"


def _thresholds(rule: Rule) -> list[str]:
    meaning = field_comments(type(rule))
    rows = [f"| `{f.name}` | {getattr(rule, f.name)!r} | {_cell(meaning.get(f.name, ''))} |" for f in fields(rule)]
    return ["## Thresholds\n\n| name | default | meaning |\n| --- | --- | --- |\n" + "\n".join(rows)] if rows else []


def _relations(rule: Rule) -> list[str]:
    lines = []
    if rule.explains:
        lines.append(f"When it is the cause, it explains: {', '.join(f'`{s}`' for s in rule.explains)}.")
    if rule.gated:
        lines.append("Its only harm is that the network does not learn: a run that learns well gets `info` at most.")
    if rule.notes:
        lines.append(f"Course notes: {', '.join(rule.notes)}.")
    return ["## Relations\n\n" + "\n".join(f"- {line}" for line in lines)] if lines else []


def _case(case: Case, verb: str) -> str:
    where = f", at `{case.module}`" if case.module else ""
    return f"{verb}: **{case.name}**{where}\n\n{_fenced(inspect.cleandoc(case.program), 'python')}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
