"""The report as it will look, and the file that is downloaded."""

from __future__ import annotations

import html
from pathlib import Path

import pytest
from apps.values import Open, texts, vanishing, vanishing_run

import torchvitals

SAMPLES = Path(__file__).parents[2] / "sample_runs"


@pytest.mark.parametrize(("name", "form", "ending"), [("vanishing", "markdown", "md"), ("healthy", "json", "json")])
def test_the_file_is_the_one_that_the_command_writes(tmp_path: Path, name: str, form: str, ending: str) -> None:
    import data
    from components import report_file

    opened = data.Opened(run=torchvitals.read(SAMPLES / name), diagnosis=torchvitals.diagnose(SAMPLES / name))
    written = torchvitals.report(SAMPLES / name, tmp_path / f"report.{ending}")
    assert report_file.rendered(opened, form) == written.read_text(encoding="utf-8")


def test_the_html_is_shown_apart_from_the_dashboard(dashboard: Open) -> None:
    run = vanishing_run()
    app = dashboard((run, vanishing(run)), page="report")
    assert not app.exception
    frame = app.get("iframe")[0].proto.srcdoc
    assert 'sandbox="allow-scripts"' in frame  # no origin of ours for what a log may hold
    assert "vanishing-gradient" in html.unescape(frame)
    assert "MB" in texts(app)
    (button,) = app.get("download_button")
    assert button.proto.label == "Download"


@pytest.mark.parametrize(("word", "start"), [("Markdown", "## ✖"), ("JSON", "{")])
def test_other_formats_are_shown_as_text(dashboard: Open, word: str, start: str) -> None:
    run = vanishing_run()
    app = dashboard((run, vanishing(run)), page="report", query={"format": word})
    assert not app.exception
    assert app.code[0].value.startswith(start)


def test_a_report_that_cannot_be_made_is_said(dashboard: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvitals.present.report import Format

    def broken(_form: Format, _sections: object) -> str:
        raise RuntimeError("no template")

    monkeypatch.setattr(Format, "render", broken)
    run = vanishing_run()
    app = dashboard((run, vanishing(run)), page="report")
    assert not app.exception
    assert "The report could not be made" in texts(app)
    assert any("no template" in c.value for c in app.code)
