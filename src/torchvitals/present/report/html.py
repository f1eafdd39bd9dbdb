"""One HTML file that needs nothing else: mail it, keep it with the run, open it in ten years."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from torchvitals.core.finding import Finding
from torchvitals.present.figures.evidence import evidence_series, lines_of
from torchvitals.present.figures.layer_heatmap import layer_heatmap
from torchvitals.present.figures.loss_curve import loss_curve, losses
from torchvitals.present.report.learned_charts import learned_charts
from torchvitals.present.report.read_as import read_as
from torchvitals.present.report.section import Section, Sections, headline, reading, where
from torchvitals.present.text import printable
from torchvitals.present.theme import MARKS, Mark, mark

# "Share chart" would upload the data of the chart to a third party.
CHART_CONFIG = {"displaylogo": False, "responsive": True, "modeBarButtonsToRemove": ["sendChartToCloud"]}
# Heatmaps beside the gradient flow, each shown where evidence speaks of one of these measures.
HEATMAPS = {"dead_fraction": {"dead_fraction", "firing_rate"}, "saturated_fraction": {"saturated_fraction"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A figure ready for the page."""

    id: str
    label: str  # what it shows in words, for readers who cannot see it
    caption: str
    height: int
    spec: Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A root finding, its chart, and what follows from it."""

    finding: Finding
    children: tuple[Finding, ...]
    chart: Chart | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One run as the page shows it."""

    id: str
    section: Section
    headline: str
    facts: tuple[tuple[str, str], ...]
    cards: tuple[Card, ...]
    charts: tuple[Chart, ...]


def render(sections: Sections) -> str:
    """The whole page as text."""
    numbers = itertools.count(1)
    pages = tuple(_page(section, i, numbers) for i, section in enumerate(sections, start=1))
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            pages=pages,
            verdict=_verdict(sections),
            overall=mark(_worst(sections)),
            marks=MARKS,
            plotly_js=Markup(get_plotlyjs()),
        )
    )


@cache
def _environment() -> Environment:
    # autoescape must be said aloud: the automatic choice goes by the file's ending and misses ".j2".
    env = Environment(
        loader=PackageLoader("torchvitals.present.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    env.filters.update(read_as=read_as, reading=reading, mark=mark, where=where)
    env.globals["chart_config"] = Markup(json.dumps(CHART_CONFIG))
    return env


def _page(section: Section, number: int, ids: Iterator[int]) -> Page:
    cards = tuple(
        Card(finding=f, children=section.diagnosis.children(f), chart=_evidence_chart(section, f, ids))
        for f in section.diagnosis.roots
    )
    return Page(
        id=f"run-{number}",
        section=section,
        headline=headline(section),
        facts=tuple(_facts(section)),
        cards=cards,
        charts=tuple(_run_charts(section, ids)),
    )


def _run_charts(section: Section, ids: Iterator[int]) -> Iterator[Chart]:
    run, roots = section.run, section.diagnosis.roots
    if not run.scalars:
        return
    bad = any(not np.isfinite(s.value).all() for s in losses(run).values())
    caption = (
        "Loss." + " Dotted lines: where each finding began." * bool(roots) + " Crosses: steps at which it was not finite." * bad
    )
    yield _chart(loss_curve(run, findings=roots), f"Loss of {run.name} over steps", caption, ids)
    named = {e.tag.partition("/")[0] for f in section.diagnosis.findings for e in f.evidence}
    for measure in ("grad_norm", *(m for m, sources in HEATMAPS.items() if sources & named)):
        if not run.by_subject(measure):
            continue
        words = f"{measure.replace('_', ' ').replace('grad ', 'gradient ').capitalize()} by layer and step; the input on top."
        figure = layer_heatmap(run, measure, findings=roots, clickable=False)
        yield _chart(figure, f"Heatmap of {measure} of {run.name}", words, ids)
    for figure, label, said in learned_charts(run):
        yield _chart(figure, label, said, ids)


def _evidence_chart(section: Section, finding: Finding, ids: Iterator[int]) -> Chart | None:
    tag = next((e.tag for e in finding.evidence if lines_of(section.run, e.tag)), None)
    if tag is None:
        return None
    figure = evidence_series(section.run, finding)
    caption = f"{tag}. Shaded: what a healthy run keeps." if any(s.type == "rect" for s in figure.layout.shapes) else f"{tag}."
    return _chart(figure, f"{tag} over steps; {finding.summary}", caption, ids)


def _chart(figure: go.Figure, label: str, caption: str, ids: Iterator[int]) -> Chart:
    # Inside <script>, "</script>" and "<!--" would end the data wherever they stand.
    spec = figure.to_json().replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    height = int(figure.layout.height)
    return Chart(id=f"chart-{next(ids)}", label=label, caption=caption, height=height, spec=Markup(spec))


def _facts(section: Section) -> Iterator[tuple[str, str]]:
    run, manifest = section.run, section.run.manifest
    steps = run.steps
    if len(steps):
        yield "steps", f"{int(steps[0]):,} to {int(steps[-1]):,}"
        yield "recorded", f"{len(steps):,}"
    if manifest is None:
        yield "log", "written by another tool"
        return
    facts: dict[str, Any] = {
        "model": manifest.model,
        "parameters": f"{sum(p.size for p in manifest.parameters):,}" if manifest.parameters else "",
        "optimizer": ", ".join(manifest.optimizers),
        "loss": manifest.loss,
        "device": manifest.device,
        "seed": "" if manifest.seed is None else str(manifest.seed),
    }
    yield from ((name, words) for name, words in facts.items() if words)


def _worst(sections: Sections) -> str:
    order = ("critical", "warning", "info", "unknown", "healthy")
    return min((s.diagnosis.verdict for s in sections), key=order.index, default="unknown")


def _verdict(sections: Sections) -> str:
    """The one sentence a reader takes away."""
    if len(sections) == 1:
        return headline(sections[0])
    tally: dict[str, int] = {}
    for section in sections:
        tally[section.diagnosis.verdict] = tally.get(section.diagnosis.verdict, 0) + 1
    counted: list[Mark] = [MARKS[v] for v in MARKS if v in tally]
    return ", ".join(f"{tally[m.word]} {m.word}" for m in counted) or "no runs"
