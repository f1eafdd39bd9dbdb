"""Rules can be selected, muted with a reason, and given other thresholds; what is written wrongly is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hand_made import run_of

import torchvitals
from torchvitals.diagnosis.engine import all_rules, diagnose
from torchvitals.diagnosis.settings import Settings, chosen, from_environment, from_flags, from_pyproject
from torchvitals.errors import ConfigError

FLAT = [2.0] * 60
NAMES = {rule.name() for rule in all_rules()}


def threshold(settings: Settings, rule: str, name: str) -> object:
    return next(getattr(r, name) for r in chosen(all_rules(), [settings]).rules if r.name() == rule)


def test_without_settings_every_rule_runs_as_it_is() -> None:
    choice = chosen(all_rules(), [Settings()])
    assert (choice.rules, choice.left_out) == (all_rules(), {})


def test_a_selection_leaves_the_others_out_and_says_so() -> None:
    diagnosis = diagnose(run_of({"loss/train": FLAT}), settings=from_flags(["loss_not_decreasing"], None, None))
    assert {s.rule for s in diagnosis.skipped if s.reason == "not selected"} == NAMES - {"loss-not-decreasing"}
    assert {f.symptom for f in diagnosis.findings} == {"loss-not-decreasing"}


def test_a_muted_rule_is_shown_with_its_reason_and_never_as_clean() -> None:
    run = run_of({"loss/train": FLAT})
    muted = diagnose(run, settings=from_flags(None, ["TV801=a warm start"], None))
    assert diagnose(run).findings[0].symptom == "loss-not-decreasing"
    assert muted.findings == ()
    assert ("loss-not-decreasing", "muted: a warm start") in {(s.rule, s.reason) for s in muted.skipped}
    assert "loss-not-decreasing" not in {c.rule for c in muted.clean}


def test_thresholds_from_flags_environment_and_pyproject_in_that_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text("[tool.torchvitals.thresholds.dead-relu]\nshare = 0.7\nprobes = 4\nsamples = 99\n", encoding="utf-8")
    monkeypatch.setenv("TORCHVITALS_SET", "dead-relu.share=0.8, dead-relu.probes=5")
    several = [from_flags(None, None, ["dead-relu.share=0.9"]), from_environment(), from_pyproject(file)]
    rule = next(r for r in chosen(all_rules(), several).rules if r.name() == "dead-relu")
    assert (rule.share, rule.probes, rule.samples) == (0.9, 5, 99)  # type: ignore[attr-defined]


def test_pyproject_of_the_working_directory_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.torchvitals]\nmute = { TV801 = "known" }\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert torchvitals.diagnose(run_of({"loss/train": FLAT})).findings == ()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (lambda: from_flags(["ded-relu"], None, None), r"no symptom 'ded-relu'; did you mean 'dead-relu'"),
        (lambda: from_flags(None, ["ded-relu=x"], None), r"did you mean 'dead-relu'"),
        (lambda: from_flags(None, ["dead-relu"], None), r"--mute: 'dead-relu' is not of the form NAME=VALUE"),
        (lambda: from_flags(None, None, ["dead-relu.shar=1"]), r"has no threshold 'shar'; did you mean 'share'"),
        (lambda: from_flags(None, None, ["dead-relu.share=high"]), r"dead-relu.share must be a number, not 'high'"),
        (lambda: from_flags(None, None, ["dead-relu.probes=1.5"]), r"must be a whole number"),
    ],
)
def test_what_is_written_wrongly_is_named(settings: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        chosen(all_rules(), [settings()])  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.torchvitals]\nmutes = {}\n", r"has no 'mutes'; did you mean 'mute'"),
        ("[tool.torchvitals]\nselect = 'dead-relu'\n", r"select must be a list"),
        ("[tool.torchvitals]\nmute = ['dead-relu']\n", r"mute must give a reason"),
        ("[tool.torchvitals]\nthresholds = { share = 1 }\n", r"thresholds belong to a symptom"),
        ("[tool.torchvitals\n", r"not valid TOML"),
    ],
)
def test_a_wrong_pyproject_is_named(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        from_pyproject(file)


def test_no_pyproject_or_no_section_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    assert from_pyproject(file).select == ()
    file.write_text("[tool.other]\nx = 1\n", encoding="utf-8")
    assert from_pyproject(file).thresholds == {}
