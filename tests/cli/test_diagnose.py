import json
from pathlib import Path

import pytest
from foreign_log import write_log

from torchvitals.cli.diagnose import exit_code
from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.finding import Finding, Severity


def found(*severities: str, verdict: str | None = None) -> Diagnosis:
    findings = tuple(Finding(symptom="s", code="S", severity=Severity(s), summary="…") for s in severities)
    return Diagnosis(run="r", verdict=verdict or (severities[0] if severities else "healthy"), findings=findings)


@pytest.mark.parametrize(
    ("diagnoses", "fail_on", "code"),
    [
        ([found()], "info", 0),
        ([found("warning")], "warning", 1),
        ([found("warning")], "critical", 0),
        ([found("info")], "warning", 0),
        ([found("info")], "info", 1),
        ([found(), found("critical")], "critical", 1),
        ([found(verdict="unknown")], "warning", 3),
        ([found(verdict="unknown"), found("critical")], "warning", 1),  # something found outweighs something unknown
    ],
)
def test_exit_code(diagnoses: list[Diagnosis], fail_on: str, code: int) -> None:
    assert exit_code(tuple(diagnoses), fail_on=Severity(fail_on)) == code


def test_a_run_that_could_not_be_read_is_not_health() -> None:
    assert exit_code((found(),), fail_on=Severity.WARNING, unreadable=True) == 3


@pytest.fixture
def sick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A readable log and an engine that finds something in it."""
    write_log(tmp_path / "a [red]", {"loss/train": [1.0] * 20})
    monkeypatch.setattr("torchvitals.diagnosis.engine.diagnose", lambda _run, **_: found("critical"))
    return tmp_path / "a [red]"


def test_json_is_alone_on_stdout(cli, sick: Path) -> None:
    result = cli("diagnose", sick, "--format", "json")
    assert json.loads(result.out)["verdict"] == "critical"
    assert (result.code, result.err) == (1, "")


def test_text_leaves_stdout_to_data(cli, sick: Path) -> None:
    result = cli("diagnose", sick)
    assert (result.code, result.out) == (1, "")
    assert "critical" in result.err


def test_exit_zero_hides_the_code_not_the_finding(cli, sick: Path) -> None:
    result = cli("diagnose", sick, "--exit-zero")
    assert result.code == 0
    assert "critical" in result.err


def test_several_runs(cli, tmp_path: Path) -> None:
    for name in ("a", "b/c"):
        write_log(tmp_path / name, {"loss/train": [1.0] * 3})
    result = cli("diagnose", tmp_path, "--format", "json")
    assert [run["run"] for run in json.loads(result.out)["runs"]] == ["a", "b/c"]
    assert result.code == 3  # three steps are not enough to judge


def test_a_single_event_file(cli, tmp_path: Path) -> None:
    file = write_log(tmp_path, {"loss/train": [1.0] * 3})
    result = cli("diagnose", file, "--format", "json")
    assert json.loads(result.out)["verdict"] == "unknown"


def test_why_tells_what_the_other_rules_saw(cli, tmp_path: Path) -> None:
    write_log(tmp_path, {"loss/train": [1.0] * 3})
    result = cli("diagnose", tmp_path, "--why")
    assert "dead-relu" in result.err
    assert "dead-relu" not in cli("diagnose", tmp_path).err


def test_nan_in_a_foreign_log_is_found(cli, tmp_path: Path) -> None:
    write_log(tmp_path, {"loss/train": [2.0] * 30 + [float("nan")] * 30})
    result = cli("diagnose", tmp_path, "--format", "json")
    assert json.loads(result.out)["findings"][0]["symptom"] == "non-finite"
    assert result.code == 1
