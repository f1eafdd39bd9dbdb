"""The scalars of runs as one long table: for pandas, polars and Arrow, none of which is needed for anything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from torchvitals.core.series import Series, Steps, Values
from torchvitals.core.tag import Tag
from torchvitals.errors import MissingDependencyError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from torchvitals.core.run import Run

Codes = NDArray[np.int32]
COLUMNS = ("run", "tag", "measure", "subject", "step", "wall_time", "value")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Words:
    """A column of N texts of which few differ."""

    code: Codes  # (N,) position in `words`
    words: tuple[str, ...]  # each once


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """One row a point, by run, tag and step. Non-finite values stay as they are."""

    run: Words
    tag: Words
    measure: Words
    subject: Words
    step: Steps  # (N,)
    wall_time: Values  # (N,) seconds since the epoch, NaN where the log keeps none
    value: Values  # (N,)


def by_tag(run: Run) -> list[Series]:
    """The scalars of a run in the order of a table: by the tag's text, then by step.

    Tags of other tools are left as they stand in the log: what they were read as besides would be the same points twice.
    """
    copies = {role.role for role in run.roles if role.role != role.tag}
    named = sorted(text for tag in run.scalars if (text := str(tag)) not in copies)
    return [_by_step(run.scalars[Tag.parse(text)]) for text in named]


def wall_times(series: Series) -> Values:
    """The wall time of every point, NaN where the log keeps none."""
    return np.full(len(series), np.nan) if series.wall_time is None else series.wall_time


def table(runs: Sequence[Run]) -> Table:
    """The scalars of runs, below one another."""
    named = [(run.name, series) for run in runs for series in by_tag(run)]
    sizes = np.array([len(series) for _, series in named], dtype=np.int64)
    tags = [series.tag for _, series in named]
    return Table(
        run=_words([name for name, _ in named], sizes),
        tag=_words([str(tag) for tag in tags], sizes),
        measure=_words([tag.measure for tag in tags], sizes),
        subject=_words([tag.subject for tag in tags], sizes),
        step=np.concatenate([series.step for _, series in named] or [np.empty(0, dtype=np.int64)]),
        wall_time=np.concatenate([wall_times(series) for _, series in named] or [np.empty(0)]),
        value=np.concatenate([series.value for _, series in named] or [np.empty(0)]),
    )


def to_pandas(runs: Sequence[Run]) -> pd.DataFrame:
    """The table as a pandas frame, its texts categorical.

    Raises:
        MissingDependencyError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise _missing("pandas", error) from error

    def column(values: Any) -> Any:
        if not isinstance(values, Words):
            return values
        return pd.Categorical.from_codes(values.code, categories=pd.Index(values.words, dtype="str"))

    whole = table(runs)
    return pd.DataFrame({name: column(getattr(whole, name)) for name in COLUMNS})


def to_polars(runs: Sequence[Run]) -> pl.DataFrame:
    """The table as a polars frame, its texts categorical.

    Raises:
        MissingDependencyError: polars is not installed.
    """
    try:
        import polars as pl
    except ImportError as error:
        raise _missing("polars", error) from error

    def column(name: str, values: Any) -> pl.Series:
        if not isinstance(values, Words):
            return pl.Series(name, values)
        return pl.Series(name, values.words, dtype=pl.Categorical).gather(pl.Series(values.code))

    whole = table(runs)
    return pl.DataFrame([column(name, getattr(whole, name)) for name in COLUMNS])


def _by_step(series: Series) -> Series:
    if (np.diff(series.step) >= 0).all():
        return series
    order = np.argsort(series.step, kind="stable")
    wall_time = None if series.wall_time is None else series.wall_time[order]
    return replace(series, step=series.step[order], value=series.value[order], wall_time=wall_time)


def _words(texts: Sequence[str], sizes: NDArray[np.int64]) -> Words:
    words = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    code = np.array([words[text] for text in texts], dtype=np.int32)
    return Words(code=np.repeat(code, sizes), words=tuple(words))


def _missing(package: str, error: ImportError) -> MissingDependencyError:
    return MissingDependencyError(f"to_{package} needs {package} ({error}); run: pip install 'torchvitals[{package}]'")
