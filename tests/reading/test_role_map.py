"""Roles given by hand: in a call, in the environment, in pyproject.toml."""

from __future__ import annotations

from pathlib import Path

import pytest
from foreign_log import write_log
from hand_made import run_of

import torchvitals
from torchvitals.core.manifest import Manifest
from torchvitals.errors import ConfigError
from torchvitals.reading.foreign import understood
from torchvitals.reading.role_map import RoleMap, parse

FALLING = [2.0 - 0.02 * i for i in range(60)]


@pytest.fixture
def logdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log with several losses; the working directory is empty and the environment silent."""
    write_log(tmp_path / "run", {tag: [v + i for v in FALLING] for i, tag in enumerate(("loss", "a", "b", "c", "val_loss"))})
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("TORCHVITALS_MAP", raising=False)
    return tmp_path / "run"


def training_loss(logdir: Path, **given: object) -> str:
    return next((r.tag for r in torchvitals.read(logdir, **given).roles if r.role == "loss/train"), "")


def configure(text: str) -> None:
    Path("pyproject.toml").write_text(text, encoding="utf-8")


def test_the_call_holds_before_the_environment_before_pyproject_before_the_name(
    logdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert training_loss(logdir) == "loss"
    configure('[tool.torchvitals]\nmap = { c = "loss/train" }\n')
    assert training_loss(logdir) == "c"
    monkeypatch.setenv("TORCHVITALS_MAP", "b=loss/train")
    assert training_loss(logdir) == "b"
    assert training_loss(logdir, roles={"a": "loss/train"}) == "a"


def test_maps_add_up_where_they_do_not_meet(logdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure('[tool.torchvitals.map]\nc = "accuracy/train"\n')
    monkeypatch.setenv("TORCHVITALS_MAP", "b=loss/train, a=accuracy/val")
    roles = {r.role: (r.tag, r.why) for r in torchvitals.read(logdir).roles}
    assert roles["accuracy/train"] == ("c", "pyproject.toml ([tool.torchvitals] map) says so")
    assert roles["loss/train"] == ("b", "TORCHVITALS_MAP says so")
    assert roles["accuracy/val"][0] == "a"
    assert roles["loss/val"][0] == "val_loss"


def test_the_points_are_those_of_the_tag(logdir: Path) -> None:
    series = torchvitals.read(logdir, roles={"b": "loss/train"}).scalar("loss", "train")
    assert series is not None
    assert series.value.tolist() == pytest.approx([v + 2 for v in FALLING])


def test_an_empty_role_takes_a_tag_out(logdir: Path) -> None:
    run = torchvitals.read(logdir, roles={"loss": ""})
    assert run.scalar("loss", "train") is None
    assert run.scalar("loss", "") is not None


def test_diagnose_takes_roles_for_a_path_and_for_a_run(logdir: Path) -> None:
    write_log(logdir, {"odd": [float("nan")] * 60})
    for what in (logdir, torchvitals.read(logdir)):
        assert torchvitals.diagnose(what).verdict != "critical"
        assert torchvitals.diagnose(what, roles={"odd": "loss/train"}).verdict == "critical"


def test_a_log_of_ours_can_be_mapped_but_is_not_guessed_at() -> None:
    run = run_of({"loss/train": FALLING, "val_loss": FALLING, "x": FALLING}, manifest=Manifest())
    assert understood(run).roles == ()
    mapped = understood(run, (RoleMap(source="--map", roles={"x": "loss/val"}),))
    assert [(r.tag, r.role) for r in mapped.roles] == [("x", "loss/val")]


@pytest.mark.parametrize(
    ("roles", "words"),
    [
        ({"los": "loss/train"}, "roles: run holds no scalar 'los'; did you mean 'loss'?"),
        ({"zzzzzz": "loss/train"}, "it can be one of: a, b, c, loss, val_loss"),
        ({"loss": "loss/training"}, "'loss/training', for the tag 'loss', is no role; did you mean 'loss/train'?"),
        ({"loss": "qqqqq"}, "is no role; use one of these. Roles: loss/train, loss/val,"),
        ({"loss": "weights/fc"}, "run holds no histogram 'loss'; it can be one of: nothing, there is none"),
        ({"a": "loss/train", "b": "loss/train"}, "two tags are to be 'loss/train'; keep the one that is meant"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(logdir: Path, roles: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError) as error:
        torchvitals.read(logdir, roles=roles)
    assert words in str(error.value)


def test_the_environment_is_checked_like_a_call(logdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHVITALS_MAP", "los=loss/train")
    with pytest.raises(ConfigError, match="TORCHVITALS_MAP: run holds no scalar 'los'; did you mean 'loss'"):
        torchvitals.read(logdir)


def test_pyproject_may_speak_of_tags_that_other_logs_have(logdir: Path) -> None:
    configure('[tool.torchvitals]\nmap = { "elsewhere/loss" = "loss/train" }\n')
    assert training_loss(logdir) == "loss"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[tool", "pyproject.toml: not valid TOML"),
        ("[tool.torchvitals]\nmap = 3\n", "must be a table of texts; write map = { train_loss ="),
        ("[tool.torchvitals]\nmap = { a = 1 }\n", "must be a table of texts"),
        ('[tool.torchvitals]\nmap = { a = "lost/train" }\n', "did you mean 'loss/train'?"),
    ],
)
def test_a_wrong_pyproject_is_told(logdir: Path, text: str, words: str) -> None:
    configure(text)
    with pytest.raises(ConfigError) as error:
        torchvitals.read(logdir)
    assert words in str(error.value)


@pytest.mark.parametrize("text", ["", "[tool.other]\nmap = 3\n"])
def test_a_pyproject_that_says_nothing_changes_nothing(logdir: Path, text: str) -> None:
    configure(text)
    assert training_loss(logdir) == "loss"


@pytest.mark.parametrize("pair", ["loss", "=loss/train", ""])
def test_a_pair_needs_both_sides(pair: str) -> None:
    with pytest.raises(ConfigError, match="write tag=role, as in train_loss=loss/train"):
        parse([pair], source="--map")


def test_a_tag_may_hold_an_equals_sign() -> None:
    assert parse(["lr=0.1/loss=loss/train"], source="--map").roles == {"lr=0.1/loss": "loss/train"}


def test_a_tag_given_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="'a' is given twice"):
        parse(["a=loss/train", "a=loss/val"], source="--map")
