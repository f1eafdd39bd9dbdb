"""Every item of the lists with its state, worst first, and where to see it."""

from __future__ import annotations

from pathlib import Path

import pytest
from apps.values import Open, healthy_run, texts, vanishing, vanishing_run

from torchvitals.core.diagnosis import Diagnosis

SAMPLES = Path(__file__).parents[2] / "sample_runs"


def _open(dashboard: Open, **query: str):
    run = vanishing_run()
    app = dashboard((run, vanishing(run)), page="checklist", query=query)
    assert not app.exception
    return app


def test_the_worst_comes_first_and_every_item_has_a_state(dashboard: Open) -> None:
    table = _open(dashboard).dataframe[0].value
    assert table["state"][0] == "✖  found"
    assert "vanishing-gradient since step 40" in table["why"][0]
    states = dict(zip(table["note"], table["state"], strict=True))
    assert states["S1"] == "✖  found"
    assert states["S5"] == "▲  found"  # half of the units are saturated
    assert states["S2"] == "✔  clear"  # exploding-gradient has looked
    assert states["S4"] == "?  not measured"
    assert states["C2d"] == "…  not built yet"
    assert states["C3c"] == "→  to look at"


def test_the_list_can_be_narrowed_from_the_address(dashboard: Open) -> None:
    app = _open(dashboard, state="clear")
    assert set(app.dataframe[0].value["state"]) == {"✔  clear"}


def test_an_item_in_full_leads_to_the_evidence_and_to_its_page(dashboard: Open) -> None:
    app = _open(dashboard, note="S1")
    rules = app.dataframe[1].value
    assert list(rules["Symptom"]) == ["vanishing-gradient"]
    links = {link.proto.label: link.proto.query_string for link in app.get("page_link")}
    assert "symptom=vanishing-gradient" in links["The evidence: vanishing-gradient →"]
    assert "Gradient flow →" in links


def test_a_state_nobody_is_in_says_so(dashboard: Open) -> None:
    assert "No item is in this state" in texts(_open(dashboard, state="not applicable"))


def test_a_log_that_nobody_judged_is_nowhere_called_clear(dashboard: Open) -> None:
    run = healthy_run()
    app = dashboard((run, Diagnosis(run=run.name, verdict="unknown")), page="checklist")
    assert not app.exception
    assert not [s for s in app.dataframe[0].value["state"] if "clear" in s or "found" in s]


@pytest.mark.parametrize(("name", "note", "state"), [("healthy", "C2f", "✔  clear"), ("vanishing", "C1e", "✖  found")])
def test_sample_runs(opened_at: Open, name: str, note: str, state: str) -> None:
    app = opened_at(SAMPLES, query={"run": name})
    app.switch_page("views/checklist.py").run()
    assert not app.exception
    table = app.dataframe[0].value.set_index("note")
    assert table["state"][note] == state


def test_every_item_of_the_lists_has_a_page() -> None:
    from components.check_table import page_of

    from torchvitals.diagnosis.notes import MEANINGS

    views = {p.stem for p in (SAMPLES.parent / "apps" / "dashboard" / "views").glob("*.py")}
    pages = {note: page_of(note) for note in MEANINGS if note.startswith(("C", "S"))}
    assert [note for note, page in pages.items() if page is None or page[0] not in views] == []
