"""One training in two folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from foreign_log import write_log

import torchvitals
from torchvitals.errors import LogError
from torchvitals.reading.foreign import read_each
from torchvitals.reading.reader import find_runs

FALLING = [2.0 - 0.02 * i for i in range(60)]


@pytest.mark.parametrize("second", ["validation", "val", "valid", "eval", "test"])
def test_training_and_validation_are_one_run(tmp_path: Path, second: str) -> None:
    write_log(tmp_path / "a" / "train", {"loss": FALLING})
    write_log(tmp_path / "a" / second, {"loss": [v + 1 for v in FALLING]})
    run = torchvitals.read(tmp_path / "a")
    assert run.name == "a"
    assert sorted(map(str, run.scalars)) == sorted(["loss/train", "loss/val", "train/loss", f"{second}/loss"])
    val = run.scalar("loss", "val")
    assert val is not None
    assert val.value[0] == 3.0


def test_a_third_run_beside_them_makes_them_runs_of_their_own(tmp_path: Path) -> None:
    for name in ("train", "validation", "other"):
        write_log(tmp_path / name, {"loss": FALLING})
    with pytest.raises(LogError, match="holds 3 runs"):
        torchvitals.read(tmp_path)
    assert [p.name for p, _ in read_each(find_runs(tmp_path))] == ["other", "train", "validation"]


def test_a_half_that_cannot_be_read_leaves_the_other(tmp_path: Path) -> None:
    write_log(tmp_path / "train", {"loss": FALLING})
    (tmp_path / "validation").mkdir()
    (tmp_path / "validation" / "events.out.tfevents.1").write_bytes(b"")
    found = dict(read_each(find_runs(tmp_path)))
    assert isinstance(found[tmp_path / "validation"], LogError)
    assert not isinstance(found[tmp_path / "train"], LogError)


def test_an_experiment_called_test_is_a_training(tmp_path: Path) -> None:
    write_log(tmp_path / "test", {"loss": FALLING})
    assert [r.role for r in torchvitals.read(tmp_path / "test").roles] == ["loss/train"]
