import dataclasses
import json

import pytest

from torchvitals.cli.rule_page import field_comments, page
from torchvitals.core.finding import Evidence
from torchvitals.diagnosis.engine import all_rules
from torchvitals.diagnosis.rule import HEADINGS, Rule

RULES = all_rules()


def thresholds(rule: Rule) -> set[str]:
    return {field.name for field in dataclasses.fields(rule)}


def test_the_table_names_every_rule(cli) -> None:
    result = cli("symptoms")
    assert result.code == 0
    assert all(rule.name() in result.out for rule in RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name())
def test_a_page_holds_headings_and_thresholds(cli, rule) -> None:
    result = cli("symptoms", rule.name())
    assert result.code == 0
    assert all(head in result.out for head in HEADINGS)
    assert all(f"`{name}`" in page(rule) for name in thresholds(rule))


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name())
def test_every_threshold_is_explained(rule) -> None:
    assert thresholds(rule) <= set(field_comments(type(rule)))


def test_json_of_one_and_of_all(cli) -> None:
    one = json.loads(cli("symptoms", "dead-relu", "--format", "json").out)
    every = json.loads(cli("symptoms", "--format", "json").out)
    assert one in every
    assert len(every) == len(RULES)


@pytest.mark.parametrize("spelling", ["dead-relu", "Dead_ReLU", "CODE"])
def test_a_name_may_be_spelt_in_other_ways(cli, spelling: str) -> None:
    code = next(rule.code for rule in RULES if rule.name() == "dead-relu")
    assert "dead-relu" in cli("symptoms", spelling.replace("CODE", code)).out


def test_a_name_like_no_other_gets_the_list(cli) -> None:
    result = cli("symptoms", "zzzz")
    assert (result.code, "`torchvitals symptoms` lists all" in result.err) == (2, True)


def test_an_unknown_name_gets_a_suggestion(cli) -> None:
    result = cli("symptoms", "ded-relu")
    assert (result.code, result.out) == (2, "")
    assert result.err == "torchvitals: There is no symptom 'ded-relu'; did you mean 'dead-relu'?\n"


def test_field_comments_are_read_from_the_source() -> None:
    assert field_comments(Evidence)["low"] == "healthy range; None: no bound on that side"
