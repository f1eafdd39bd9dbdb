import csv
import json
import stat
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from foreign_log import write_log
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DT_DOUBLE
from tensorboard.summary.writer.event_file_writer import EventFileWriter

Row = tuple[str, str, str, str, int, float, int]  # the value as its bits, so that NaN equals NaN and 0.0 is not -0.0

FLOATS = [0.1, 1 / 3, float("nan"), float("inf"), float("-inf"), -0.0, 1e-45, 3.4028234663852886e38]
DOUBLES = [0.1, 1 / 3, float("nan"), float("inf"), float("-inf"), 5e-324, 1.7976931348623157e308]
HOSTILE = 'a "b", c\n<x>é'


def bits(value: float) -> int:
    """A double's bits, with every NaN made one: no text keeps its payload."""
    return int(np.float64(np.nan if np.isnan(value) else value).view(np.int64))


@pytest.fixture
def logdir(tmp_path: Path) -> Path:
    """Two runs: float32 values as torch writes them, and float64 values, steps above 2³¹ and a hostile tag."""
    write_log(tmp_path / "runs" / "a", {"loss/train": FLOATS, "grad_norm/fc.weight": [1.0, 2.0]})
    writer = EventFileWriter(str(tmp_path / "runs" / "deep" / "b"))
    for number, value in enumerate(DOUBLES):
        tensor = TensorProto(dtype=DT_DOUBLE, tensor_content=struct.pack("<d", value))
        values = [Summary.Value(tag=HOSTILE, tensor=tensor)]
        writer.add_event(Event(step=2**40 + number, wall_time=1e9 + number / 3, summary=Summary(value=values)))
    writer.close()
    return tmp_path / "runs"


def expected() -> list[Row]:
    singles = np.array(FLOATS, dtype=np.float32).astype(np.float64)
    norms = [("a", "grad_norm/fc.weight", "grad_norm", "fc.weight", i, 1e9 + i, bits(v)) for i, v in enumerate((1.0, 2.0))]
    losses = [("a", "loss/train", "loss", "train", i, 1e9 + i, bits(v)) for i, v in enumerate(singles)]
    doubles = [("deep/b", HOSTILE, HOSTILE, "", 2**40 + i, 1e9 + i / 3, bits(v)) for i, v in enumerate(DOUBLES)]
    return [*norms, *losses, *doubles]


def _rows(columns: list[list]) -> list[Row]:
    return [(*map(str, words), int(step), float(wall), bits(float(v))) for *words, step, wall, v in zip(*columns, strict=True)]


def with_csv(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        return _rows([list(column) for column in zip(*list(csv.reader(file))[1:], strict=True)])


def with_json(path: Path) -> list[Row]:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not strict JSON")

    rows = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    return _rows([list(column) for column in zip(*(row.values() for row in rows), strict=True)])


def with_pandas(read: Callable[[Path], pd.DataFrame]) -> Callable[[Path], list[Row]]:
    return lambda path: _rows([series.tolist() for _, series in read(path).items()])


def with_polars(read: Callable[[Path], pl.DataFrame]) -> Callable[[Path], list[Row]]:
    return lambda path: _rows([series.to_list() for series in read(path)])


@pytest.mark.parametrize(
    ("suffix", "read_back"),
    [
        (".csv", with_csv),
        (".csv", with_pandas(lambda path: pd.read_csv(path).fillna({"subject": ""}))),
        (".csv", with_polars(lambda path: pl.read_csv(path).with_columns(pl.col("subject").fill_null("")))),
        (".json", with_json),
        (".json", with_polars(lambda path: pl.read_json(path, schema_overrides={"value": pl.String}))),
        (".parquet", with_pandas(pd.read_parquet)),
        (".parquet", with_polars(pl.read_parquet)),
    ],
)
def test_every_point_comes_back(cli, logdir: Path, tmp_path: Path, suffix: str, read_back) -> None:
    out = tmp_path / f"table{suffix}"
    result = cli("export", logdir, "-o", out)
    assert (result.code, result.out) == (0, "")
    assert f"Wrote {out}: 17 points of 2 runs" in result.err
    assert read_back(out) == expected()


def test_parquet_without_polars_goes_through_pyarrow(cli, logdir: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("torchvitals.present.table.arrow.find_spec", lambda name: name != "polars" or None)
    monkeypatch.setitem(sys.modules, "polars", None)
    assert cli("export", logdir, "-o", tmp_path / "table.parquet").code == 0
    assert with_pandas(pd.read_parquet)(tmp_path / "table.parquet") == expected()


def test_parquet_without_either_says_what_to_install(cli, logdir: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("torchvitals.present.table.arrow.find_spec", lambda _: None)
    result = cli("export", logdir, "-o", tmp_path / "table.parquet")
    assert result.code == 2
    assert "pip install 'torchvitals[polars]'" in result.err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["runs"]


def test_only_the_tags_asked_for(cli, logdir: Path, tmp_path: Path) -> None:
    out = tmp_path / "some.csv"
    cli("export", logdir, "-o", out, "--tag", "loss/*", "--tag", "grad_norm/*")
    assert with_csv(out) == [row for row in expected() if row[0] == "a"]


def test_a_pattern_that_matches_nothing_names_what_there_is(cli, logdir: Path, tmp_path: Path) -> None:
    result = cli("export", logdir, "-o", tmp_path / "none.csv", "--tag", "lss/*")
    assert result.code == 2
    assert "loss/train" in result.err
    assert not (tmp_path / "none.csv").exists()


def test_an_unknown_suffix_is_wrong_use(cli, logdir: Path, tmp_path: Path) -> None:
    result = cli("export", logdir, "-o", tmp_path / "table.xlsx")
    assert result.code == 2
    assert ".parquet or .csv or .json" in result.err


def test_an_earlier_file_is_replaced_only_by_a_whole_one(cli, logdir: Path, tmp_path: Path, monkeypatch) -> None:
    out = tmp_path / "table.csv"
    out.write_text("precious", encoding="utf-8")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("torchvitals.present.table.text._csv_line", fail)
    result = cli("export", logdir, "-o", out)
    assert result.code == 2
    assert "No space left on device" in result.err
    assert out.read_text(encoding="utf-8") == "precious"
    monkeypatch.undo()
    assert cli("export", logdir, "-o", out).code == 0
    assert with_csv(out) == expected()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["runs", "table.csv"]


def test_the_file_is_as_readable_as_any_other(cli, logdir: Path, tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    cli("export", logdir, "-o", tmp_path / "table.json")
    assert stat.S_IMODE((tmp_path / "table.json").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_one_unreadable_run_does_not_hide_the_others(cli, logdir: Path, tmp_path: Path) -> None:
    (logdir / "c").mkdir()
    (logdir / "c" / "events.out.tfevents.1.x").write_bytes(b"not an event file, whatever its name says")
    result = cli("export", logdir, "-o", tmp_path / "table.csv")
    assert result.code == 3
    assert "not a TensorBoard event file" in result.err
    assert with_csv(tmp_path / "table.csv") == expected()


def test_a_log_of_images_only_says_so(cli, tmp_path: Path) -> None:
    writer = EventFileWriter(str(tmp_path / "run"))
    image = Summary.Value(tag="x", image=Summary.Image(height=1, width=1, colorspace=1, encoded_image_string=b"png"))
    writer.add_event(Event(step=1, summary=Summary(value=[image])))
    writer.close()
    result = cli("export", tmp_path / "run", "-o", tmp_path / "table.csv")
    assert result.code == 3
    assert "no scalar was recorded" in result.err
