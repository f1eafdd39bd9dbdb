"""Markdown: what stands as a findings text inside TensorBoard, and fits a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from torchvitals.core.finding import Finding
from torchvitals.present.report.section import Section, Sections, headline, reading, where
from torchvitals.present.text import markdown_code, markdown_text
from torchvitals.present.theme import mark


def render(sections: Sections) -> str:
    """One heading a run, one table of root findings, then evidence and remedies."""
    return "\n".join(line for section in sections for line in _section(section))


def _section(section: Section) -> Iterator[str]:
    diagnosis = section.diagnosis
    sign = mark(diagnosis.verdict)
    yield f"## {sign.icon} {markdown_code(diagnosis.run)}: {sign.word}"
    yield ""
    yield f"{markdown_text(headline(section))}. {section.counts()}."
    yield ""
    for problem in diagnosis.problems:
        yield f"- {markdown_text(problem)}"
    if diagnosis.problems:
        yield ""
    if diagnosis.roots:
        yield from _table(diagnosis.roots)
        for root in diagnosis.roots:
            yield from _finding(root, diagnosis.children(root))


def _table(roots: tuple[Finding, ...]) -> Iterator[str]:
    yield "| severity | symptom | where | since step |"
    yield "| --- | --- | --- | ---: |"
    for root in roots:
        sign = mark(root.severity)
        place = markdown_code(where(root)) if root.module else "whole run"
        yield f"| {sign.icon} {sign.word} | {markdown_code(root.symptom)} | {place} | {root.first_step:,} |"
    yield ""


def _finding(root: Finding, children: tuple[Finding, ...]) -> Iterator[str]:
    yield f"### {mark(root.severity).icon} {markdown_code(root.symptom)}"
    yield ""
    yield markdown_text(root.summary)
    yield ""
    for evidence in root.evidence:
        observed, band = reading(evidence)
        source = f"{markdown_code(evidence.tag)} = " if evidence.tag else ""
        value = markdown_text(observed + (f" (healthy: {band})" if band else ""))
        yield f"- {source}**{value}** {markdown_text(evidence.sentence)}".rstrip()
    yield ""
    for number, remedy in enumerate(root.remedies, start=1):
        yield f"{number}. {markdown_text(remedy.change)} *Then you should see:* {markdown_text(remedy.expect)}"
    if children:
        yield ""
        yield "Explains: " + ", ".join(markdown_code(name) for name in dict.fromkeys(c.symptom for c in children))
    yield ""
