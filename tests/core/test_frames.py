import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from foreign_log import write_log
from hand_made import run_of

import torchvitals
from torchvitals.core.frames import COLUMNS, to_polars
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.core.tag import Tag

AWKWARD = [0.1, float("nan"), float("inf"), float("-inf"), -0.0, 5e-324, 1.7976931348623157e308, 1 / 3]
MAKERS = pytest.mark.parametrize("make", [Run.to_pandas, Run.to_polars], ids=["pandas", "polars"])


@MAKERS
def test_every_point_is_a_row_by_tag_then_step(make) -> None:
    frame = make(run_of({"loss/train": [2.0, 1.0], "lr": [0.1], "grad_norm/a/b.weight": [3.0]}, name="r"))
    assert tuple(frame.columns) == COLUMNS
    rows = list(zip(*(frame[c].to_list() for c in ("run", "tag", "measure", "subject", "step", "value")), strict=True))
    assert rows == [
        ("r", "grad_norm/a/b.weight", "grad_norm", "a/b.weight", 0, 3.0),
        ("r", "loss/train", "loss", "train", 0, 2.0),
        ("r", "loss/train", "loss", "train", 1, 1.0),
        ("r", "lr", "lr", "", 0, 0.1),
    ]


@MAKERS
def test_no_bit_of_a_value_is_changed(make) -> None:
    values = make(run_of({"x": AWKWARD}))["value"].to_numpy()
    np.testing.assert_array_equal(values.view(np.int64), np.array(AWKWARD).view(np.int64))


@MAKERS
def test_the_wall_time_is_the_logs(make, tmp_path: Path) -> None:
    write_log(tmp_path / "run", {"loss": [1.0, 2.0]})
    assert make(torchvitals.read(tmp_path / "run"))["wall_time"].to_list() == [1e9, 1e9 + 1]


@MAKERS
def test_a_tag_of_another_tool_is_there_once_as_it_stands(make, tmp_path: Path) -> None:
    write_log(tmp_path / "run", {"train_loss": [1.0, 2.0]})
    run = torchvitals.read(tmp_path / "run")
    assert run.scalar("loss", "train") is not None  # read as ours besides
    assert make(run)["tag"].to_list() == ["train_loss"] * 2


@MAKERS
def test_a_series_out_of_order_is_put_in_order(make) -> None:
    tag = Tag.parse("x")
    series = Series(
        tag=tag, step=np.array([5, 2**40, 3]), value=np.array([50.0, 1.0, 30.0]), wall_time=np.array([5.0, 9.0, 3.0])
    )
    frame = make(Run(name="r", scalars={tag: series}))
    assert frame["step"].to_list() == [3, 5, 2**40]
    assert frame["value"].to_list() == [30.0, 50.0, 1.0]
    assert frame["wall_time"].to_list() == [3.0, 5.0, 9.0]


@MAKERS
def test_a_run_without_scalars_is_a_frame_without_rows(make) -> None:
    frame = make(Run(name="empty"))
    assert (tuple(frame.columns), len(frame)) == (COLUMNS, 0)


def test_texts_are_compared_and_grouped_like_texts() -> None:
    run = run_of({"loss/train": [2.0, 1.0], "lr": [0.1]})
    assert run.to_pandas().query("tag == 'lr'")["value"].tolist() == [0.1]
    assert run.to_pandas().groupby("tag", observed=True)["value"].min().to_dict() == {"loss/train": 1.0, "lr": 0.1}
    assert run.to_polars().filter(pl.col("tag") == "lr")["value"].to_list() == [0.1]


def test_runs_lie_below_one_another() -> None:
    frame = to_polars([run_of({"b": [1.0]}, name="second"), run_of({"a": [2.0], "b": [3.0]}, name="first")])
    assert list(zip(frame["run"], frame["tag"], frame["value"], strict=True)) == [
        ("second", "b", 1.0),
        ("first", "a", 2.0),
        ("first", "b", 3.0),
    ]


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_a_missing_package_is_named_with_the_command(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(torchvitals.errors.MissingDependencyError, match=rf"pip install 'torchvitals\[{package}\]'"):
        getattr(run_of({"x": [1.0]}), f"to_{package}")()


def test_reading_imports_neither(tmp_path: Path) -> None:
    write_log(tmp_path / "run", {"loss": [1.0, 2.0]})
    program = "import sys, torchvitals; torchvitals.diagnose(sys.argv[1]); print({'pandas', 'polars'} & set(sys.modules))"
    words = [sys.executable, "-c", program, str(tmp_path / "run")]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip() == "set()"


def test_frames_of_both_libraries_agree() -> None:
    run = run_of({"loss/train": [2.0, float("nan")], "lr": [0.1, 0.2]})
    pd.testing.assert_frame_equal(run.to_polars().to_pandas().astype(run.to_pandas().dtypes), run.to_pandas())
