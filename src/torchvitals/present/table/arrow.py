"""Parquet, through polars or pyarrow, whichever is there: about 4 bytes a point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torchvitals.core import frames
from torchvitals.core.run import Run
from torchvitals.errors import MissingDependencyError


def write(runs: Sequence[Run], path: Path, on_points: Callable[[int], None]) -> None:
    """One table.

    Raises:
        MissingDependencyError: neither polars nor pyarrow is installed.
    """
    if find_spec("polars") is not None:
        frames.to_polars(runs).write_parquet(path)
    elif find_spec("pyarrow") is not None:
        _with_pyarrow(frames.table(runs), path)
    else:
        raise MissingDependencyError("Parquet needs polars or pyarrow; run: pip install 'torchvitals[polars]', or write a .csv")
    on_points(sum(len(series) for run in runs for series in run.scalars.values()))


def _with_pyarrow(table: frames.Table, path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    def column(values: Any) -> Any:
        if not isinstance(values, frames.Words):
            return pa.array(values)
        return pa.DictionaryArray.from_arrays(pa.array(values.code), pa.array(values.words, type=pa.string()))

    parquet.write_table(pa.table({name: column(getattr(table, name)) for name in frames.COLUMNS}), path)
