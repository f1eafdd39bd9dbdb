"""CSV and JSON, without any library: written tag by tag, so that a long run needs little memory.

Numbers are written with as many digits as bring the same number back. Those that are not finite are NaN, Infinity and
-Infinity; strict JSON has none of these, so there they are strings, as in a diagnosis.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from torchvitals.core.frames import COLUMNS, by_tag, wall_times
from torchvitals.core.jsonable import jsonable
from torchvitals.core.run import Run
from torchvitals.core.series import Series, Values


def write_csv(runs: Sequence[Run], path: Path, on_points: Callable[[int], None]) -> None:
    """A header, then a line a point."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(COLUMNS) + "\n")
        for run, series in _each(runs):
            words = _csv_line([run.name, str(series.tag), series.tag.measure, series.tag.subject])
            points = zip(
                series.step.tolist(), _numbers(wall_times(series), _plain), _numbers(series.value, _plain), strict=True
            )
            file.writelines([f"{words},{step},{wall},{value}\n" for step, wall, value in points])
            on_points(len(series))


def write_json(runs: Sequence[Run], path: Path, on_points: Callable[[int], None]) -> None:
    """A list of objects, one a point, each on a line of its own."""
    between = "[\n"
    with path.open("w", encoding="utf-8", newline="") as file:
        for run, series in _each(runs):
            words = {"run": run.name, "tag": str(series.tag), "measure": series.tag.measure, "subject": series.tag.subject}
            start = json.dumps(words, ensure_ascii=False)[:-1]
            points = zip(
                series.step.tolist(), _numbers(wall_times(series), _quoted), _numbers(series.value, _quoted), strict=True
            )
            for step, wall, value in points:
                file.write(f'{between}{start}, "step": {step}, "wall_time": {wall}, "value": {value}}}')
                between = ",\n"
            on_points(len(series))
        file.write("\n]\n" if between == ",\n" else "[]\n")


def _each(runs: Sequence[Run]) -> Iterator[tuple[Run, Series]]:
    return ((run, series) for run in runs for series in by_tag(run))


def _numbers(values: Values, not_finite: Callable[[float], str]) -> Iterator[str]:
    return (repr(v) if math.isfinite(v) else not_finite(v) for v in values.tolist())


def _plain(value: float) -> str:
    return str(jsonable(value))


def _quoted(value: float) -> str:
    return f'"{jsonable(value)}"'


def _csv_line(words: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(words)
    return line.getvalue()
