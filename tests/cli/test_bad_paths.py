"""A path that holds nothing to judge: one line that says so, and exit code 3. Never a traceback, never health."""

from pathlib import Path

import pytest
from foreign_log import write_log


def missing(folder: Path) -> Path:
    return folder / "nowhere"


def empty_folder(folder: Path) -> Path:
    return folder


def text_file(folder: Path) -> Path:
    (folder / "notes.txt").write_text("not a log\n" * 100)
    return folder / "notes.txt"


def folder_of_other_files(folder: Path) -> Path:
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n" + bytes(500))
    return folder


def garbage_event_file(folder: Path) -> Path:
    (folder / "events.out.tfevents.1.host").write_bytes(bytes(range(256)) * 4)
    return folder


def empty_event_file(folder: Path) -> Path:
    (folder / "events.out.tfevents.1.host").write_bytes(b"")
    return folder


def cut_in_the_first_record(folder: Path) -> Path:
    file = write_log(folder, {"loss/train": [1.0] * 5})
    file.write_bytes(file.read_bytes()[:20])
    return folder


BAD = [missing, empty_folder, text_file, folder_of_other_files, garbage_event_file, empty_event_file, cut_in_the_first_record]


@pytest.mark.parametrize("make", BAD)
@pytest.mark.parametrize("command", [["diagnose"], ["diagnose", "--format", "json"], ["report", "-o", "OUT"]], ids=" ".join)
def test_a_path_without_a_log(cli, tmp_path: Path, make, command: list[str]) -> None:
    (tmp_path / "log").mkdir()
    out = tmp_path / "report.html"
    result = cli(*[str(out) if word == "OUT" else word for word in command], make(tmp_path / "log"))
    assert result.code == 3
    assert result.out == ""
    assert result.err.startswith("torchvitals: ")
    assert result.err.count("\n") == 1
    assert not out.exists()


def test_a_file_cut_in_the_middle_is_read_up_to_there_and_says_so(cli, tmp_path: Path) -> None:
    file = write_log(tmp_path, {"loss/train": [2.0 - 0.01 * i for i in range(100)]})
    file.write_bytes(file.read_bytes()[:-17])
    result = cli("diagnose", tmp_path, "--format", "json")
    assert result.code in (0, 3)
    assert '"problems": []' not in result.out
    assert "Traceback" not in result.err


def test_one_bad_run_among_good_ones_is_named_and_costs_exit_code_3(cli, tmp_path: Path) -> None:
    write_log(tmp_path / "good", {"loss/train": [2.0 - 0.01 * i for i in range(100)]})
    (tmp_path / "bad").mkdir()
    garbage_event_file(tmp_path / "bad")
    result = cli("report", tmp_path, "-o", tmp_path / "report.json")
    assert result.code == 3
    assert "bad" in result.err
    assert (tmp_path / "report.json").exists()


def test_dashboard_of_a_missing_folder(cli, tmp_path: Path) -> None:
    result = cli("dashboard", tmp_path / "nowhere")
    assert result.code == 3
    assert result.err.count("\n") == 1


def test_a_fault_of_ours_is_one_line_and_exit_code_4(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_run: object, **_: object) -> None:
        raise ZeroDivisionError("a rule\nfell over")

    monkeypatch.setattr("torchvitals.diagnosis.engine.diagnose", broken)
    write_log(tmp_path, {"loss/train": [1.0] * 5})
    result = cli("diagnose", tmp_path)
    assert result.code == 4
    assert result.err == "torchvitals: internal error: ZeroDivisionError: a rule fell over (TORCHVITALS_DEBUG=1 shows where)\n"
    monkeypatch.setenv("TORCHVITALS_DEBUG", "1")
    assert "Traceback" in cli("diagnose", tmp_path).err
