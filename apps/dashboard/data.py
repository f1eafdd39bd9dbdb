"""From the log folders to runs and diagnoses, cached on what lies on disk.

Only runs found below a configured root can be opened: the address bar carries a run's name, never a path.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.run import Run

LOGDIR = "TORCHVITALS_LOGDIR"
Fingerprint = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A run and what is wrong with it."""

    run: Run
    diagnosis: Diagnosis


def roots() -> tuple[Path, ...]:
    """The folders the dashboard may read; several are separated as in PATH."""
    named = [Path(part).expanduser() for part in os.environ.get(LOGDIR, "").split(os.pathsep) if part.strip()]
    return tuple(named or [Path("runs")])


def list_runs(folders: tuple[Path, ...]) -> dict[str, Path]:
    """Every run below the roots by the name it is picked with, latest first."""
    from torchvitals.reading.reader import find_runs

    found: dict[str, Path] = {}
    for root in folders:
        if not root.exists():
            continue
        for path in (Path(p) for p in find_runs(root)):
            if all(p.resolve().is_relative_to(root.resolve()) for p in (path, *_event_files(path))):  # no link leads out
                found[_name(path, root, several=len(folders) > 1)] = path
    return dict(sorted(found.items(), key=lambda item: (-_latest(item[1]), item[0])))


def open_run(path: Path) -> Opened:
    """Read and diagnose a run; the same files are read once.

    Raises:
        LogError: nothing can be read there.
        OSError: the folder vanished, or may not be read.
    """
    opened: Opened = _open(str(path), fingerprint(path))
    return opened


def fingerprint(path: Path) -> Fingerprint:
    """Name, size and time of each event file: a log that grows is another log."""
    return tuple((f.name, (stat := f.stat()).st_size, stat.st_mtime_ns) for f in _event_files(path))


def _event_files(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(path.glob("*tfevents*"))


@st.cache_resource(max_entries=16, show_spinner="Reading the log")
def _open(path: str, files: Fingerprint) -> Opened:  # noqa: ARG001 - part of the cache key
    from torchvitals.diagnosis.engine import diagnose
    from torchvitals.reading.reader import read

    run = read(Path(path))
    return Opened(run=run, diagnosis=diagnose(run))


@st.cache_resource
def rule_help(symptom: str) -> Mapping[str, str]:
    """The documentation of the rule of that name by its headings; empty when there is no such rule."""
    from torchvitals.diagnosis.engine import all_rules

    return next((rule.sections() for rule in all_rules() if rule.name() == symptom), {})


def _name(path: Path, root: Path, *, several: bool) -> str:
    inside = path.relative_to(root).as_posix()
    if inside == ".":
        return root.name or str(root)
    return f"{root.name}/{inside}" if several else inside


def _latest(path: Path) -> int:
    try:
        return max((time for _, _, time in fingerprint(path)), default=0)
    except OSError:  # it vanished between listing and looking; opening it will say so
        return 0
