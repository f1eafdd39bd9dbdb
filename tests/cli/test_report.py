import json
from pathlib import Path

import pytest
from foreign_log import write_log


@pytest.fixture
def logdir(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        write_log(tmp_path / "runs" / name, {"loss/train": [2.0 - 0.01 * i for i in range(100)]})
    return tmp_path / "runs"


@pytest.mark.parametrize(("suffix", "start"), [(".html", "<!doctype html>"), (".md", "#"), (".json", "{")])
def test_the_suffix_is_the_format(cli, logdir: Path, tmp_path: Path, suffix: str, start: str) -> None:
    out = tmp_path / f"report{suffix}"
    result = cli("report", logdir, "-o", out)
    assert result.code == 0
    assert out.read_text(encoding="utf-8").lower().startswith(start)
    assert result.out == ""
    assert f"Wrote {out}: 2 runs" in result.err


def test_json_holds_every_run(cli, logdir: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    cli("report", logdir, "-o", out)
    assert [run["run"] for run in json.loads(out.read_text(encoding="utf-8"))["runs"]] == ["a", "b"]


def test_an_unknown_suffix_is_wrong_use_and_writes_nothing(cli, logdir: Path, tmp_path: Path) -> None:
    result = cli("report", logdir, "-o", tmp_path / "report.pdf")
    assert result.code == 2
    assert ".html" in result.err
    assert not (tmp_path / "report.pdf").exists()
