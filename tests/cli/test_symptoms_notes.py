"""`torchvitals symptoms --notes`: every item of the course notes, and what serves it."""

import json
import re

from torchvitals.diagnosis.engine import all_rules
from torchvitals.diagnosis.notes import CHECKS, MEANINGS, NOT_BUILT, coverage
from torchvitals.explanation import looks
from torchvitals.record.watch import all_instruments

RULES = all_rules()
# Protocols that need a training of their own, and facts of the architecture.
OPEN = {"C2b", "C2c", "C2d", "C2e", "S24", "S25"}


def test_every_checklist_item_and_symptom_is_served_but_those_that_are_not_built() -> None:
    unserved = {item.note for item in coverage(RULES) if item.note[0] in "CS" and not item.served}
    assert unserved <= OPEN
    assert unserved <= set(NOT_BUILT)


def test_the_ids_are_those_of_the_notes() -> None:
    expected = {f"C1{c}" for c in "abcdef"} | {f"C2{c}" for c in "abcdefg"} | {f"C3{c}" for c in "abcd"}
    for letter, last in (("S", 30), ("A", 7), ("R", 6), ("O", 9)):
        expected |= {f"{letter}{n}" for n in range(1, last + 1)}
    assert set(MEANINGS) == expected


def test_rules_and_tables_quote_only_ids_that_exist() -> None:
    quoted = {note for rule in RULES for note in rule.notes}
    assert quoted | set(CHECKS) | set(NOT_BUILT) <= set(MEANINGS)


def test_measures_named_as_checks_are_recorded() -> None:
    recorded = {measure.name for instrument in all_instruments() for measure in instrument.measures}
    recorded |= {measure.name for measure in looks.MEASURES}
    named = {word for checks in CHECKS.values() for text in checks for word in re.findall(r"\w+_\w+", text)}
    assert named
    assert named <= recorded


def test_the_table_shows_each_id_with_what_serves_it(cli) -> None:
    result = cli("symptoms", "--notes")
    assert result.code == 0
    shown = {line.split()[0] for line in result.out.splitlines() if line.strip()}
    assert set(MEANINGS) <= shown
    assert "vanishing-gradient" in result.out
    assert "not built yet" in result.out


def test_json_holds_the_same(cli) -> None:
    items = {item["note"]: item for item in json.loads(cli("symptoms", "--notes", "--format", "json").out)}
    assert list(items) == list(MEANINGS)
    assert items["S7"]["rules"] == [rule.name() for rule in RULES if "S7" in rule.notes]
    assert items["S24"] == {
        "note": "S24",
        "meaning": MEANINGS["S24"],
        "rules": [],
        "checks": [],
        "not_built": NOT_BUILT["S24"],
        "served": False,
    }


def test_notes_are_about_all_symptoms(cli) -> None:
    result = cli("symptoms", "dead-relu", "--notes")
    assert (result.code, result.out) == (2, "")
    assert "leave one of the two out" in result.err
