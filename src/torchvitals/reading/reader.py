"""From a path to runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from torchvitals.core.manifest import Manifest
from torchvitals.core.run import Run
from torchvitals.core.series import HistogramSeries, Series, VectorSeries
from torchvitals.core.tag import Tag
from torchvitals.errors import EmptyLogError, LogError, LogNotFoundError
from torchvitals.reading.columns import Columns
from torchvitals.reading.tensorboard import read_columns

MANIFEST_TAG = "torchvitals/manifest"


def find_runs(path: str | Path) -> list[Path]:
    """Every folder at or below a path that holds an event file, sorted; the file itself when the path is one.

    Raises:
        LogNotFoundError: there is nothing at that path.
    """
    root = Path(path)
    if not root.exists():
        raise LogNotFoundError(f"{root}: no such file or folder; pass the logdir that torchvitals.watch was given")
    if root.is_file():
        return [root]
    return sorted({p.parent for p in root.rglob("*tfevents*") if p.is_file()})


def read(path: str | Path) -> Run:
    """Read one run: a folder with event files, or one event file.

    Raises:
        LogNotFoundError: there is nothing at that path.
        EmptyLogError: no event file there, or none with a point in it.
        LogError: the folder holds several runs, or the file is not an event file.
    """
    root = Path(path)
    files = _event_files(root)
    columns, problems = read_columns(files, ours=MANIFEST_TAG)
    if not columns.events and problems:
        raise LogError(f"{root}: not a TensorBoard event file ({problems[0]}); pass the logdir given to torchvitals.watch")
    run = _run(root, columns, problems)
    if not run.scalars and not run.vectors and not run.histograms:
        raise EmptyLogError(f"{root}: the log holds no measurement yet; was a training step taken after torchvitals.watch?")
    return run


def _event_files(root: Path) -> list[Path]:
    runs = find_runs(root)
    if root.is_file():
        return [root]
    if root not in runs:
        if not runs:
            raise EmptyLogError(
                f"{root}: no TensorBoard event file (…tfevents…) here; pass the logdir given to torchvitals.watch"
            )
        names = ", ".join(str(r.relative_to(root)) for r in runs[:5])
        raise LogError(f"{root} holds {len(runs)} runs ({names}{', …' if len(runs) > 5 else ''}); pass one of them")
    return sorted(p for p in root.glob("*tfevents*") if p.is_file() and p.stat().st_size)


def _run(root: Path, columns: Columns, lost: Iterable[str]) -> Run:
    problems = list(lost)
    texts = {tag: points[-1][1] for tag, points in columns.texts.items() if points}
    manifest = _manifest(texts.pop(MANIFEST_TAG, None), problems)
    return Run(
        name=root.name if root.is_dir() else root.parent.name or root.name,
        path=str(root),
        manifest=manifest,
        scalars=_scalars(columns, manifest),
        vectors=_blobs(columns.vectors, VectorSeries, manifest),
        histograms=_blobs(columns.histograms, HistogramSeries, manifest),
        texts=MappingProxyType(texts),
        problems=tuple(problems),
    )


def _manifest(text: str | None, problems: list[str]) -> Manifest | None:
    if text is None:
        return None
    try:
        return Manifest.from_json(text)
    except (ValueError, TypeError, KeyError, AttributeError) as error:  # whatever a damaged text can make of it
        problems.append(f"the manifest cannot be read ({error}); the log is treated like one of another tool")
        return None


def _scalars(columns: Columns, manifest: Manifest | None) -> Mapping[Tag, Series]:
    found = {}
    for text, (steps, values) in columns.scalars.items():
        tag = Tag.parse(text) if text else None
        if tag and steps:
            step, value = np.array(steps, dtype=np.int64), np.array(values, dtype=np.float64)
            found[tag] = Series(tag=tag, step=step, value=value, unit=_unit(manifest, tag))
    return MappingProxyType(found)


def _blobs(points: dict[str, list[tuple[int, Any]]], kind: Any, manifest: Manifest | None) -> Mapping[Tag, Any]:
    found = {}
    for text, pairs in points.items():
        if text and pairs:
            tag = Tag.parse(text)
            step = np.array([s for s, _ in pairs], dtype=np.int64)
            found[tag] = kind(tag=tag, step=step, value=tuple(v for _, v in pairs), unit=_unit(manifest, tag))
    return MappingProxyType(found)


def _unit(manifest: Manifest | None, tag: Tag) -> str:
    return manifest.unit(tag.measure) if manifest else ""
