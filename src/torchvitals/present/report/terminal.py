"""Text for a terminal: one line a run, then what is wrong with the sick ones and what to change."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from torchvitals.core.finding import Evidence, Finding
from torchvitals.present.report.read_as import read_as
from torchvitals.present.report.section import Section, Sections, headline, reading, where
from torchvitals.present.text import printable, shorten
from torchvitals.present.theme import mark

STYLES = {"critical": "bold red", "warning": "yellow", "info": "cyan", "healthy": "green", "unknown": "bright_black"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line that wraps under its body. Text and never str: Rich reads "[red]" in a str as markup."""

    indent: int = 0
    lead: Text = field(default_factory=Text)
    body: Text = field(default_factory=Text)


BLANK = Line()


def render(sections: Sections, *, width: int = 100) -> str:
    """The report as plain text."""
    stream = io.StringIO()
    print_report(Console(file=stream, width=width, color_system=None, force_terminal=False), sections)
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


def print_report(console: Console, sections: Sections, *, why: bool = False) -> None:
    """Write verdicts and findings to a console; with `why`, also what the other rules saw."""
    _write(console, _verdicts(sections))
    for section in sections:
        if section.diagnosis.roots or section.diagnosis.problems:
            _write(console, _findings(section))
        if section.run.roles:
            _write(console, _roles(section))
        if why:
            print_why(console, section)


def print_verdict(console: Console, section: Section) -> None:
    """The one line about a run."""
    _write(console, _verdicts([section]))


def print_finding(console: Console, section: Section, root: Finding) -> None:
    """One finding with its evidence and remedies."""
    _write(console, _finding(root, section.diagnosis.children(root)))


def print_why(console: Console, section: Section) -> None:
    """Why the other rules did not fire: the value against the band, or what was not measured."""
    diagnosis = section.diagnosis
    lines = [BLANK, Line(body=_text(diagnosis.run, "bold"))]
    groups = (("Clean", diagnosis.clean), ("Not measured", diagnosis.unjudged), ("Not applicable", diagnosis.aside))
    for title, rules in groups:
        lines.append(Line(indent=2, body=Text(f"{title}: {len(rules)}", style="bold")))
        lines += [Line(indent=4, lead=_text(f"{r.rule}  "), body=_text(r.reason, "bright_black")) for r in rules]
    _write(console, lines)


def _write(console: Console, lines: Iterable[Line]) -> None:
    for line in lines:
        shown = _beside(line.lead, line.body) if line.lead else line.body
        console.print(Padding(shown, (0, 0, 0, line.indent)) if line.indent else shown, highlight=False)


def _beside(lead: Text, body: Text) -> Table:
    row = Table.grid()
    row.add_column(no_wrap=True, width=lead.cell_len)
    row.add_column()
    row.add_row(lead, body)
    return row


def _text(words: str, style: str = "") -> Text:
    return Text(printable(words), style=style)


def _verdicts(sections: Sections) -> Iterator[Line]:
    width = max((len(shorten(printable(s.diagnosis.run))) for s in sections), default=0)
    for section in sections:
        sign = mark(section.diagnosis.verdict)
        name = shorten(printable(section.diagnosis.run)).ljust(width)
        lead = Text(f"{sign.icon} {sign.word:<8}  ", style=STYLES[sign.word]).append(f"{name}  ", style="not dim bold default")
        yield Line(lead=lead, body=_text(headline(section)))


def _findings(section: Section) -> Iterator[Line]:
    diagnosis = section.diagnosis
    yield BLANK
    yield Line(body=_text(diagnosis.run, "bold underline"))
    for problem in diagnosis.problems:
        yield Line(indent=2, lead=Text("! ", style="yellow"), body=_text(problem))
    for root in diagnosis.roots:
        yield BLANK
        yield from _finding(root, diagnosis.children(root))
    yield BLANK
    hint = "  (reasons: --why)" if diagnosis.skipped else ""
    yield Line(indent=2, body=Text(section.counts() + hint, style="bright_black"))


def _roles(section: Section) -> Iterator[Line]:
    """As what the tags of another tool's log were read: a wrong guess must be seen."""
    yield BLANK
    yield Line(indent=2, body=_text(f"{section.diagnosis.run} is another tool's log; read as", "bold"))
    for line in read_as(section.run):
        words = _text(f"{line.tag} → ") + _text(line.role, "bold") + _text(f"  ({line.why})", "bright_black")
        yield Line(indent=4, lead=Text("· "), body=words)
    yield Line(indent=4, body=Text("Not so? Say it: --map TAG=ROLE", style="bright_black"))


def _finding(root: Finding, children: tuple[Finding, ...]) -> Iterator[Line]:
    sign = mark(root.severity)
    place = Text(" in ") + _text(where(root), "bold") if root.module else Text()
    head = _text(root.symptom, "bold") + place + Text(f" since step {root.first_step:,}")
    yield Line(indent=2, lead=Text(f"{sign.icon} {sign.word}  ", style=STYLES[sign.word]), body=head)
    yield Line(indent=4, body=_text(root.summary))
    if root.evidence:
        yield Line(indent=4, body=Text("Evidence", style="bold"))
        for evidence in root.evidence:
            yield from _evidence(evidence)
    if root.remedies:
        yield Line(indent=4, body=Text("What to change", style="bold"))
    for number, remedy in enumerate(root.remedies, start=1):
        yield Line(indent=6, lead=Text(f"{number}. "), body=_text(remedy.change))
        yield Line(indent=9, body=Text("then you should see: ", style="green") + _text(remedy.expect))
    if children:
        names = ", ".join(dict.fromkeys(c.symptom for c in children))
        yield Line(indent=4, lead=Text("Explains: ", style="bold"), body=_text(names))


def _evidence(evidence: Evidence) -> Iterator[Line]:
    if not evidence.tag:  # a fact without a curve of its own: the sentence holds the number
        yield Line(indent=6, lead=Text("· "), body=_text(evidence.sentence))
        return
    value, band = reading(evidence)
    source = _text(evidence.tag) + Text(" = ")
    healthy = _text(f" (healthy: {band})") if band else Text()
    yield Line(indent=6, lead=Text("· "), body=source + _text(value, "bold") + healthy)
    if evidence.sentence:
        yield Line(indent=8, body=_text(evidence.sentence, "bright_black"))
