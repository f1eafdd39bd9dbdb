from __future__ import annotations

from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.finding import Clean, Finding, Severity, Skipped, Why
from torchvitals.diagnosis.checklist import STATES, Item, checklist
from torchvitals.diagnosis.engine import all_rules
from torchvitals.diagnosis.notes import MEANINGS, Coverage, coverage


def covered(note: str, *rules: str, checks: tuple[str, ...] = (), not_built: str = "") -> Coverage:
    return Coverage(note=note, meaning="what to look at", rules=rules, checks=checks, not_built=not_built)


def finding(symptom: str, severity: Severity = Severity.WARNING, notes: tuple[str, ...] = ()) -> Finding:
    return Finding(symptom=symptom, code="X", severity=severity, summary="", first_step=40, notes=notes)


def diagnosis(**outcomes: object) -> Diagnosis:
    return Diagnosis(run="a", verdict="unknown", **outcomes)  # type: ignore[arg-type]


def only(item: Coverage, **outcomes: object) -> Item:
    (found,) = checklist(diagnosis(**outcomes), [item])
    return found


CLEAN = (Clean(rule="a", reason="fine"),)
UNJUDGED = (Skipped(rule="b", reason="no loss", why=Why.NOT_MEASURED),)
ASIDE = (Skipped(rule="a", reason="no ReLU here"),)


def test_a_finding_is_found_and_says_since_when() -> None:
    item = only(covered("S1", "a"), findings=(finding("a"),), clean=CLEAN)
    assert (item.state, item.severity, item.why) == ("found", Severity.WARNING, "a since step 40")


def test_a_finding_that_names_the_note_itself_belongs_to_it() -> None:
    assert only(covered("C2d", "other"), findings=(finding("departure", notes=("C2d",)),)).state == "found"


def test_one_rule_that_could_not_judge_keeps_an_item_from_being_clear() -> None:
    item = only(covered("S1", "a", "b"), clean=CLEAN, skipped=UNJUDGED)
    assert item.state == "not measured"
    assert item.why == "b could not judge: no loss (1 found nothing)"


def test_clear_is_what_every_rule_that_applies_has_looked_at() -> None:
    item = only(covered("S1", "a", "c"), clean=CLEAN, skipped=(Skipped(rule="c", reason="no LSTM"),))
    assert (item.state, item.why) == ("clear", "1 rule looked and found nothing.")


def test_nothing_to_judge_is_not_health() -> None:
    item = only(covered("S4", "a"), skipped=ASIDE)
    assert (item.state, item.why) == ("not applicable", "no ReLU here")


def test_a_rule_that_no_diagnosis_speaks_of_has_not_looked() -> None:
    assert only(covered("S4", "a")).state == "not measured"


def test_views_and_what_is_missing_are_told_apart() -> None:
    assert only(covered("C3c", checks=("histograms",), not_built="more")).state == "to look at"
    item = only(covered("C3a", not_built="the view of filters"))
    assert (item.state, item.why) == ("not built yet", "Missing: the view of filters.")


def test_the_worst_comes_first_and_then_the_order_of_the_notes() -> None:
    items = checklist(
        diagnosis(
            findings=(finding("w"), finding("c", Severity.CRITICAL)),
            clean=CLEAN,
            skipped=(*UNJUDGED, Skipped(rule="n", reason="")),
        ),
        [
            covered("C1a", "a"),
            covered("C1b", "n"),
            covered("C1c", "w"),
            covered("C2a", "b"),
            covered("S1", "c"),
            covered("S2", not_built="x"),
            covered("S3", checks=("y",)),
        ],
    )
    assert [i.note for i in items] == ["S1", "C1c", "C2a", "S3", "S2", "C1a", "C1b"]
    assert [i.state for i in items[1:]] == list(STATES)


def test_the_lists_of_the_notes_are_all_there_and_facts_are_not() -> None:
    items = checklist(diagnosis(), coverage(all_rules()))
    assert {i.note for i in items} == {n for n in MEANINGS if n.startswith(("C", "S"))}
    assert {i.list for i in items} == {"Is it the gradient?", "It does not learn", "What did it learn?", "Symptoms"}
