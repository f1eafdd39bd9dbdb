from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from present.samples import HOSTILE, hostile_section, run_of, sections, series, vanishing

from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.finding import Evidence
from torchvitals.present.report import Section
from torchvitals.present.report.html import render
from torchvitals.present.text import printable

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


class Parsed(HTMLParser):
    """Tags, links, visible text and chart data of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.figures: list[dict[str, str | None]] = []
        self.words: list[str] = []
        self.json: list[object] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        self.links += [v for k, v in attrs if k in ("src", "href", "action", "data", "srcset") and v]
        if tag == "figure":
            self.figures.append(values)
        self._inside = "json" if values.get("type") == "application/json" else tag

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "json":
            self.json.append(json.loads(data))
        elif self._inside not in ("script", "style"):
            self.words.append(data)


@pytest.fixture(scope="module")
def page_text() -> str:
    return render(sections())


@pytest.fixture(scope="module")
def parsed(page_text: str) -> Parsed:
    return Parsed(page_text)


def test_links_stay_inside_the_page(parsed: Parsed) -> None:
    assert parsed.links
    assert all(link.startswith(("#", "data:")) for link in parsed.links), parsed.links


def test_plotly_is_there_once_and_never_shares(page_text: str, parsed: Parsed) -> None:
    assert page_text.count("plotly.js v") == 1
    assert len(page_text) < 6e6
    config = next(j for j in parsed.json if "displaylogo" in j)
    assert config["modeBarButtonsToRemove"] == ["sendChartToCloud"]
    assert config["displaylogo"] is False


def test_every_figure_has_words_and_data(parsed: Parsed) -> None:
    assert parsed.figures
    assert all(f["role"] == "img" and f["aria-label"] for f in parsed.figures)
    assert len(parsed.json) == len(parsed.figures) + 1


def test_it_says_everything_the_diagnosis_says(parsed: Parsed) -> None:
    words = " ".join(" ".join(parsed.words).split())
    for section in sections():
        for finding in section.diagnosis.findings:
            assert finding.summary in words
            assert all(r.change in words and r.expect in words for r in finding.remedies)
            assert all(e.sentence in words for e in finding.evidence)
        for other in (*section.diagnosis.clean, *section.diagnosis.skipped):
            assert other.reason in words
        assert all(p in words for p in section.diagnosis.problems)


def test_a_heatmap_of_dead_units_only_where_evidence_speaks_of_them() -> None:
    run = run_of(series("dead_fraction/relu", [0.0, 0.9]), series("grad_norm/a", [1.0, 1.0]))
    dead = replace(vanishing(), evidence=(Evidence(tag="firing_rate/relu", observed=0.9, high=0.4),))
    for findings, expected in (((), False), ((dead,), True)):
        section = Section(run=run, diagnosis=Diagnosis(run="r", verdict="info", findings=findings))
        assert ("Heatmap of dead_fraction" in render([section])) is expected


def test_a_single_run_has_no_list_of_runs() -> None:
    assert "nav" not in Parsed(render(sections()[:1])).tags


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(name: str, parsed: Parsed) -> None:
    hostile = Parsed(render([hostile_section(name)]))
    assert set(hostile.tags) <= set(parsed.tags)
    assert all(link.startswith(("#", "data:")) for link in hostile.links)
    assert printable(name) in "".join(hostile.words)


def test_it_is_the_same_every_time() -> None:
    assert render(sections()[1:2]) == render(sections()[1:2])


def opened(browser: Browser, path: Path, *, width: int = 1280, scheme: str = "light") -> tuple[Page, list[str]]:
    """Open a file; returns the page and everything that must not have happened."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("console", lambda message: trouble.append(message.text) if message.type in ("error", "warning") else None)
    page.on("request", lambda request: None if request.url == path.as_uri() else trouble.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-drawn]", timeout=60_000)
    return page, trouble


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (400, "light")])
def test_it_opens_offline_and_fits(browser: Browser, tmp_path: Path, page_text: str, width: int, scheme: str) -> None:
    path = tmp_path / "report.html"
    path.write_text(page_text, encoding="utf-8")
    page, trouble = opened(browser, path, width=width, scheme=scheme)
    assert trouble == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".chart .main-svg").count() >= page.locator(".chart").count() > 0
    page.close()


@pytest.mark.browser
def test_hostile_names_do_nothing_in_a_browser(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "hostile.html"
    path.write_text(render([hostile_section(name) for name in HOSTILE]), encoding="utf-8")
    page, trouble = opened(browser, path)
    assert trouble == []
    assert page.evaluate("window.hacked") is None
    assert page.locator(".chart a[*|href]").count() == 0
    # Plotly shows names as they are, not as bold text or as entities.
    ticks = page.locator(".chart .ytick text").all_text_contents()
    assert any("<b>fat" in tick for tick in ticks), ticks
    page.close()
