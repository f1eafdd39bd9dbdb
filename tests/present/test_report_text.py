from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from present.samples import HOSTILE, hostile_section, sections
from rich.console import Console

from torchvitals.present.report import FORMATS, format_named, format_of
from torchvitals.present.report.terminal import print_report, render
from torchvitals.present.text import printable

Golden = Callable[[str, str], None]


def printed(*, width: int = 100, why: bool = False, color: bool = False) -> str:
    stream = io.StringIO()
    system = "standard" if color else None
    print_report(Console(file=stream, width=width, force_terminal=color, color_system=system), sections(), why=why)
    return stream.getvalue()


def test_terminal(golden: Golden) -> None:
    golden("terminal.txt", render(sections()))


def test_terminal_narrow(golden: Golden) -> None:
    text = render(sections(), width=60)
    assert max(map(len, text.splitlines())) <= 60
    golden("terminal_narrow.txt", text)


def test_terminal_why(golden: Golden) -> None:
    golden("terminal_why.txt", "\n".join(line.rstrip() for line in printed(why=True).splitlines()) + "\n")


def test_markdown(golden: Golden) -> None:
    golden("report.md", format_named("markdown").render(sections()))


def test_a_healthy_run_takes_one_line() -> None:
    assert len(render(sections()[:1]).splitlines()) == 1


def test_colour_only_where_the_console_has_it() -> None:
    assert "\x1b[" in printed(color=True)
    assert "\x1b" not in printed()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text_in_a_terminal(name: str) -> None:
    text = render([hostile_section(name)], width=200)
    assert printable(name) in text
    assert "\x1b" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text_in_markdown(name: str) -> None:
    text = format_named("markdown").render([hostile_section(name)])
    outside_code = "".join(part for i, part in enumerate(text.split("`")) if i % 2 == 0) if "`" not in name else ""
    assert "<" not in outside_code
    assert "](" not in outside_code.replace("\\]\\(", "")
    table = [line.replace("\\|", "") for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in table} == {5}


def test_formats_are_found_by_name_and_by_ending() -> None:
    from torchvitals.errors import ConfigError

    assert [format_of(f"a/b{s}").name for f in FORMATS for s in f.suffixes] == [f.name for f in FORMATS for _ in f.suffixes]
    with pytest.raises(ConfigError, match="choose one of text, json, markdown, html"):
        format_named("pdf")
    with pytest.raises(ConfigError, match=r"'report\.pdf'.*\.html"):
        format_of("x/report.pdf")


@pytest.mark.parametrize("form", FORMATS, ids=lambda f: f.name)
def test_every_format_renders_no_runs_and_all_runs(form: object) -> None:
    assert "deep_sigmoid" in form.render(sections())  # type: ignore[attr-defined]
    assert isinstance(form.render([]), str)  # type: ignore[attr-defined]
