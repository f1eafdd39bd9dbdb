from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from foreign_log import write_log

from torchvitals.cli.demo import MARK, clear
from torchvitals.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Scene:
    name: str
    title: str = "a network"
    steps: int = 60


SCENES = (Scene(name="well"), Scene(name="sick"))


@pytest.fixture
def short_demo(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The demo with two trainings that only write a log; the list holds the seeds they got."""
    seeds: list[int] = []

    def train(scenario: Scene, logdir: Path, *, seed: int, on_step: Callable[[int], None]) -> None:
        seeds.append(seed)
        last = float("nan") if scenario.name == "sick" else 1.0
        write_log(logdir, {"loss/train": [2.0 - i / 60 for i in range(30)] + [last] * 30})
        for step in range(scenario.steps):
            on_step(step)

    monkeypatch.setattr("torchvitals.demo.scenarios", lambda: SCENES)
    monkeypatch.setattr("torchvitals.demo.train", train)
    return seeds


def test_it_trains_judges_reports_and_says_how_to_look(cli, tmp_path: Path, short_demo: list[int]) -> None:
    runs = tmp_path / "demo"
    result = cli("demo", "--runs", runs, "--no-dashboard", "--seed", 3)
    assert result.code == 0
    assert short_demo == [3, 3]
    assert "non-finite" in result.err
    assert "120/120 steps" in result.err
    assert (runs / "report.html").stat().st_size > 1000
    assert f"torchvitals dashboard {runs}" in result.err.replace("\n", " ")
    assert result.out == ""


@pytest.mark.usefixtures("short_demo")
def test_a_second_demo_replaces_the_first(cli, tmp_path: Path) -> None:
    for _ in range(2):
        assert cli("demo", "--runs", tmp_path / "demo", "--no-dashboard").code == 0
    assert len(list((tmp_path / "demo" / "well").glob("events.out.tfevents.*"))) == 1


@pytest.mark.usefixtures("short_demo")
def test_it_opens_the_dashboard_unless_told_not_to(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []
    monkeypatch.setattr("torchvitals.cli.demo.open_dashboard", opened.append)
    cli("demo", "--runs", tmp_path / "demo")
    assert opened == [tmp_path / "demo"]


def test_it_never_touches_a_folder_that_is_not_a_demo(tmp_path: Path) -> None:
    mine = write_log(tmp_path / "well", {"loss/train": [1.0]})
    with pytest.raises(ConfigError, match="--runs"):
        clear(tmp_path, SCENES)
    assert mine.exists()


def test_it_clears_only_event_files_of_its_own_scenarios(tmp_path: Path) -> None:
    clear(tmp_path, SCENES)
    assert (tmp_path / MARK).exists()
    old = write_log(tmp_path / "well", {"loss/train": [1.0]})
    other = write_log(tmp_path / "mine", {"loss/train": [1.0]})
    notes = tmp_path / "well" / "notes.txt"
    notes.touch()
    clear(tmp_path, SCENES)
    assert (old.exists(), other.exists(), notes.exists()) == (False, True, True)


def test_without_torch_it_says_what_to_install(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchvitals.cli.demo.find_spec", lambda _name: None)
    result = cli("demo", "--runs", tmp_path / "demo")
    assert result.code == 2
    assert "pip install 'torchvitals[demo]'" in result.err
