"""The scalars of runs as one file that other tools load: the suffix is the format."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from torchvitals.core.run import Run
from torchvitals.errors import ConfigError
from torchvitals.present.table import arrow, text

OnPoints = Callable[[int], None]  # told of every further handful of points written
Write = Callable[[Sequence[Run], Path, OnPoints], None]
FORMATS: Mapping[str, Write] = {".parquet": arrow.write, ".csv": text.write_csv, ".json": text.write_json}


def write(runs: Iterable[Run], path: str | Path, on_points: OnPoints = lambda _: None) -> Path:
    """Write every scalar point of some runs, one row a point, by run, tag and step; `core.frames` has the columns.

    The file appears when it is whole: an earlier one of that name stays until then.

    Returns:
        The path written.

    Raises:
        ConfigError: a suffix that no format has, or a place that cannot be written to.
        MissingDependencyError: Parquet is wanted, and neither polars nor pyarrow is installed.

    Example:
        >>> import json, tempfile, numpy as np
        >>> from torchvitals.core.series import Series
        >>> from torchvitals.core.tag import Tag
        >>> loss = Tag.parse("loss/train")
        >>> run = Run(name="a", scalars={loss: Series(tag=loss, step=np.array([3]), value=np.array([np.inf]))})
        >>> written = write([run], f"{tempfile.mkdtemp()}/a.json")
        >>> [row["value"] for row in json.loads(written.read_text())]
        ['Infinity']
    """
    form, target = format_of(path), Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".torchvitals-") as folder:
            part = Path(folder) / target.name
            form(list(runs), part, on_points)
            os.replace(part, target)  # noqa: PTH105 - says on its face that it replaces
    except OSError as error:
        raise ConfigError(f"{target} cannot be written ({error.strerror or error}); choose another place with -o") from error
    return target


def format_of(path: str | Path) -> Write:
    """The format that a file's suffix names.

    Raises:
        ConfigError: none does.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise ConfigError(f"{str(path)!r}: the suffix names the format; end it with {' or '.join(FORMATS)}")
    return FORMATS[suffix]
