"""What every rule of the folder must be, so that one new file is all it takes to add one."""

from __future__ import annotations

import inspect
import pkgutil
import re
from collections import Counter
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from torchvitals.diagnosis import rules as package
from torchvitals.diagnosis.engine import MANIFEST, all_rules
from torchvitals.diagnosis.rule import HEADINGS, Rule
from torchvitals.record.watch import all_instruments

RULES = all_rules()
MEASURED = {measure.name for instrument in all_instruments() for measure in instrument.measures} | {MANIFEST}
NOTE = re.compile(r"^(C[1-3][a-z]?|[SARO]\d+[a-z]?)$")

each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name())


def source(rule: Rule) -> Path:
    return Path(inspect.getfile(type(rule)))


def test_codes_and_names_are_unique() -> None:
    assert max(Counter(r.code for r in RULES).values()) == 1
    assert max(Counter(r.name() for r in RULES).values()) == 1


def test_every_file_holds_exactly_one_rule() -> None:
    files = sorted(m.name for m in pkgutil.iter_modules(package.__path__))
    assert sorted(source(r).stem for r in RULES) == files


@each_rule
def test_file_class_and_symptom_have_one_name(rule: Rule) -> None:
    assert source(rule).stem == rule.name().replace("-", "_")
    assert type(rule).__name__.lower() == rule.name().replace("-", "")
    assert source(rule).read_text(encoding="utf-8").startswith(f'"""{rule.name()}: ')


@each_rule
def test_the_code_is_of_the_form_that_mute_lists_use(rule: Rule) -> None:
    assert re.fullmatch(r"TV\d{3}", rule.code)


@each_rule
def test_the_documentation_has_all_headings_in_order(rule: Rule) -> None:
    assert tuple(rule.sections()) == HEADINGS
    assert all(text.strip() for text in rule.sections().values())
    assert rule.summary().endswith(".")


@each_rule
def test_what_it_needs_is_measured_by_some_instrument(rule: Rule) -> None:
    assert rule.needs
    assert set(rule.needs) <= MEASURED


@each_rule
def test_it_cites_notes_by_their_ids(rule: Rule) -> None:
    assert rule.notes
    assert all(NOTE.match(note) for note in rule.notes)


@each_rule
def test_it_has_a_sick_and_a_healthy_case_of_different_names(rule: Rule) -> None:
    assert rule.sick
    assert rule.healthy
    names = [case.name for case in (*rule.sick, *rule.healthy)]
    assert len(set(names)) == len(names)


@each_rule
def test_every_threshold_has_a_default_and_a_comment(rule: Rule) -> None:
    lines = source(rule).read_text(encoding="utf-8").splitlines()
    for threshold in fields(rule):
        assert threshold.default is not MISSING
        (line,) = [text for text in lines if text.startswith(f"    {threshold.name}: {threshold.type} = ")]
        assert "  # " in line


@each_rule
def test_it_explains_only_symptoms_and_never_itself(rule: Rule) -> None:
    assert rule.name() not in rule.explains
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", symptom) for symptom in rule.explains)
