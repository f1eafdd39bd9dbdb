from __future__ import annotations

import html
import unicodedata

import pytest
from present.samples import HOSTILE

from torchvitals.present.text import chart_text, markdown_code, markdown_text, printable, shorten


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_that_steers_a_terminal_is_left(name: str) -> None:
    assert not any(unicodedata.category(c) in ("Cc", "Cf") for c in printable(name))


@pytest.mark.parametrize("name", ["encoder.0.weight", "größe", "層.0", "a b/relu#1", "עברית"])
def test_ordinary_names_stay_as_they_are(name: str) -> None:
    assert printable(name) == name
    assert chart_text(name) == name


@pytest.mark.parametrize("name", HOSTILE)
def test_chart_text_holds_no_tag_and_loses_nothing(name: str) -> None:
    assert "<" not in chart_text(name)
    assert html.unescape(chart_text(name)) == printable(name)


def test_shorten_keeps_both_ends() -> None:
    name = "encoder.layers.11.attention.out_proj.weight"
    short = shorten(name, 20)
    assert len(short) == 20
    assert name.startswith(short.partition("…")[0])
    assert name.endswith(short.partition("…")[2])


def test_code_span_cannot_be_closed() -> None:
    assert markdown_code("a`b") == "``a`b``"
    assert markdown_code("`a`") == "`` `a` ``"
    assert markdown_code("a|b") == "`a\\|b`"


def test_sentence_holds_no_markup() -> None:
    assert markdown_text("<b> *x* [y](z)") == "&lt;b\\> \\*x\\* \\[y\\]\\(z\\)"
