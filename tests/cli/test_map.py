"""`--map`, and what is said of the tags of other tools."""

import json
from pathlib import Path

import pytest
from foreign_log import write_log
from jsonschema import Draft202012Validator

ROOT = Path(__file__).parents[2]
LOGS = ROOT / "tests" / "foreign_logs"
NAN = [2.0] * 30 + [float("nan")] * 30


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two runs, of which one alone has the tag `odd`."""
    write_log(tmp_path / "a", {"loss": [1.0] * 5, "odd": NAN})
    write_log(tmp_path / "b", {"loss": [1.0] * 5})
    return tmp_path


def test_the_roles_are_shown(cli) -> None:
    said = " ".join(cli("diagnose", LOGS / "lightning").err.split())
    assert "train_loss_step → loss/train (the name says so; preferred to train_loss_epoch)" in said
    assert "grad_2.0_norm/0.bias and 3 more → grad_norm/0.bias (the name says so)" in said


def test_a_log_of_ours_has_no_roles_to_show(cli) -> None:
    assert "→ loss/train" not in cli("diagnose", ROOT / "sample_runs" / "healthy").err


def test_a_mapped_tag_is_judged(cli, runs: Path) -> None:
    assert cli("diagnose", runs / "a").code == 3
    result = cli("diagnose", runs / "a", "--map", "odd=loss/train", "--format", "json")
    assert json.loads(result.out)["findings"][0]["symptom"] == "non-finite"
    assert result.code == 1


def test_json_keeps_to_its_schema(cli) -> None:
    schema = json.loads((ROOT / "docs" / "diagnosis.schema.json").read_text(encoding="utf-8"))
    told = json.loads(cli("diagnose", LOGS, "--format", "json").out)
    Draft202012Validator(schema).validate(told)
    assert [run["run"] for run in told["runs"]] == sorted(p.name for p in LOGS.iterdir() if p.is_dir() and p.name[0] != "_")


def test_a_tag_that_one_of_the_runs_has_is_enough(cli, runs: Path) -> None:
    told = json.loads(cli("diagnose", runs, "--map", "odd=loss/train", "--format", "json").out)
    assert [run["verdict"] for run in told["runs"]] == ["critical", "unknown"]


def test_a_tag_that_no_run_has_is_wrong_use(cli, runs: Path) -> None:
    result = cli("diagnose", runs, "--map", "add=loss/train")
    assert result.code == 2
    assert "none of the runs holds a scalar 'add'; did you mean 'odd'?" in result.err


def test_an_unknown_role_is_wrong_use(cli, runs: Path, tmp_path: Path) -> None:
    result = cli("report", runs, "-o", tmp_path / "r.md", "--map", "odd=loss/trains")
    assert result.code == 2
    assert "did you mean 'loss/train'?" in result.err
    assert not (tmp_path / "r.md").exists()


def test_the_flag_holds_before_the_environment(cli, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHVITALS_MAP", "odd=loss/train")
    assert cli("diagnose", runs / "a").code == 1
    assert cli("diagnose", runs / "a", "--map", "loss=loss/train").code == 3


def test_the_page_shows_them_too(cli, tmp_path: Path) -> None:
    cli("report", LOGS / "keras", "-o", tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<td><code>train/epoch_loss</code></td><td><code>loss/train</code></td>" in page
    assert "its steps count epochs" in page
