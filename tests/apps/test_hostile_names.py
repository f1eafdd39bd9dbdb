"""Names come from strangers' code: they are shown, never obeyed."""

from __future__ import annotations

import json
import re

import pytest
from apps.values import DASHBOARD, Open, figures, texts, vanishing, vanishing_run

NASTY = '<img src=x onerror=alert(1)>**b** $x$ :red[r] [l](javascript:1) `c` "q'
LAYERS = tuple(f"{i}{NASTY}.weight" for i in range(8))


PAGES = sorted(view.stem for view in (DASHBOARD / "views").glob("*.py"))


def test_every_page_of_the_navigation_is_walked() -> None:
    named = re.findall(r'page\("(\w+)"', (DASHBOARD / "app.py").read_text(encoding="utf-8"))
    assert sorted(named) == PAGES


@pytest.mark.parametrize("page", PAGES)
def test_a_hostile_name_reaches_no_markdown_no_html_and_no_label(dashboard: Open, page: str) -> None:
    run = vanishing_run(LAYERS, name=NASTY)
    app = dashboard((run, vanishing(run, LAYERS)), page=page)
    assert not app.exception
    rendered = [m.value for m in app.markdown] + [e.label for e in app.expander] + [h.proto.body for h in app.get("html")]
    rendered += [link.proto.label for link in app.get("page_link")] + [t.label for t in app.tabs]
    kinds = ("button", "checkbox", "selectbox", "toggle", "text_input", "multiselect", "radio")
    rendered += [widget.label for kind in kinds for widget in app.get(kind)]
    assert rendered
    assert not [text for text in rendered if "onerror" in text]
    assert app.selectbox(key="run").options == [NASTY]  # options are plain text


def test_a_hostile_name_is_shown_as_it_is(dashboard: Open) -> None:
    run = vanishing_run(LAYERS, name=NASTY)
    app = dashboard((run, vanishing(run, LAYERS)))
    assert LAYERS[0] in texts(app)
    assert app.dataframe[0].value["where"][0].startswith(LAYERS[0])


def test_charts_hold_it_as_text(dashboard: Open) -> None:
    run = vanishing_run(LAYERS)
    app = dashboard((run, vanishing(run, LAYERS)), page="gradient_flow")
    specs = [json.loads(spec) for spec in figures(app)]
    assert len(specs) == 2
    for spec in specs:
        for trace in spec["data"]:
            trace.pop("customdata", None)  # drawn only where a template asks for it
            assert "customdata[1]" not in trace.get("hovertemplate", "")
        assert "<img" not in json.dumps(spec, ensure_ascii=False)


def test_characters_that_turn_a_line_around_are_spelled_out(dashboard: Open) -> None:
    layers = tuple(f"a\u202e{i}.weight" for i in range(8))
    run = vanishing_run(layers)
    assert "a\\u202e0.weight" in texts(dashboard((run, vanishing(run, layers))))


@pytest.mark.parametrize("page", ["findings", "gradient_flow"])
def test_a_name_of_ten_thousand_characters_stays_on_the_page(dashboard: Open, page: str) -> None:
    layers = tuple(f"{i}{'x' * 10_000}.weight" for i in range(8))
    run = vanishing_run(layers)
    app = dashboard((run, vanishing(run, layers)), page=page)
    assert not app.exception
    assert "could not be drawn" not in texts(app)
    for spec in figures(app):
        for trace in json.loads(spec)["data"]:
            assert len(trace.get("name", "")) < 200
