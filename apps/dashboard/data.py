"""From the log folders to runs and diagnoses: what was read stays read, and only what is new is read again.

Only runs found below a configured root can be opened: the address bar carries a run's name, never a path.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path

import streamlit as st
from growing import Log, Opened

from torchvitals.core.run import Run

LOGDIR = "TORCHVITALS_LOGDIR"
LISTED_S = 2.0  # how long a listing of the folders is good for: every click on a page asks for it
HEAD = 64 << 10  # bytes of an event file among which our recorder's first description stands
Fingerprint = tuple[tuple[str, int, int], ...]
Mutes = tuple[tuple[str, str], ...]  # symptom and reason


def roots() -> tuple[Path, ...]:
    """The folders the dashboard may read; several are separated as in PATH."""
    named = [Path(part).expanduser() for part in os.environ.get(LOGDIR, "").split(os.pathsep) if part.strip()]
    return tuple(named or [Path("runs")])


def list_runs(folders: tuple[Path, ...]) -> dict[str, Path]:
    """Every run below the roots by the name it is picked with, latest first; nothing of any log is read.

    Raises:
        OSError: a root may not be read.
    """
    found: dict[str, Path] = _listed(folders)
    return found


@st.cache_data(ttl=LISTED_S, show_spinner=False)
def _listed(folders: tuple[Path, ...]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for root in folders:
        if root.exists():
            found |= {_name(path, root, several=len(folders) > 1): path for path in _below(root)}
    return dict(sorted(found.items(), key=lambda item: (-latest(item[1]), item[0])))


def _below(root: Path) -> Iterator[Path]:
    """The runs below a root; two folders of one training by their parent."""
    from torchvitals.reading.reader import find_runs
    from torchvitals.reading.split_runs import pairs

    inside = root.resolve()
    # No link leads out: neither a folder's nor a file's.
    folders = [p for p in find_runs(root) if all(f.resolve().is_relative_to(inside) for f in (p, *_own_files(p)))]
    couples = {parent: two for parent, two in pairs(folders).items() if not any(_ours(folder) for folder in two)}
    halves = {folder for two in couples.values() for folder in two}
    yield from couples
    yield from (folder for folder in folders if folder not in halves)


def open_run(path: Path) -> Opened:
    """Read and diagnose a run; the same value as long as nothing has come to its log.

    Raises:
        LogError: nothing can be read there.
        OSError: the folder vanished, or may not be read.
    """
    found = log(path)
    with nullcontext() if found.was_read else st.spinner("Reading the log"):
        opened = found.opened()
    _verdicts()[str(path)] = opened.diagnosis.verdict
    return opened


def muted(opened: Opened, mutes: Mutes) -> Opened:
    """The same run judged without some rules, as if they had been muted where the rules are set."""
    again: Opened = _without(opened.run, mutes) if mutes else opened
    return again


def known_verdict(path: Path) -> str:
    """The verdict on a run that somebody has opened; empty when nobody has, for looking would mean reading it."""
    return _verdicts().get(str(path), "")


def log(path: Path) -> Log:
    """The log at a path, with whatever was read of it so far."""
    found: Log = _log(str(path))
    return found


@st.cache_resource(max_entries=16, show_spinner=False)
def _log(path: str) -> Log:
    return Log(Path(path), _parts(Path(path)))


# Keyed on the run itself: it is the same value until its log grows, and lives as long as its entry.
@st.cache_resource(max_entries=2, show_spinner=False, hash_funcs={Run: id})
def _without(run: Run, mutes: Mutes) -> Opened:
    from torchvitals.diagnosis.engine import diagnose
    from torchvitals.diagnosis.settings import Settings

    return Opened(run=run, diagnosis=diagnose(run, settings=Settings(source="the address", mute=dict(mutes))))


@st.cache_resource
def _verdicts() -> dict[str, str]:
    return {}


@st.cache_resource
def rule_help(symptom: str) -> Mapping[str, str]:
    """The documentation of the rule of that name by its headings; empty when there is no such rule."""
    from torchvitals.diagnosis.engine import all_rules

    return next((rule.sections() for rule in all_rules() if rule.name() == symptom), {})


@st.cache_resource
def symptoms() -> frozenset[str]:
    """Every symptom that a rule looks for."""
    from torchvitals.diagnosis.engine import all_rules

    return frozenset(rule.name() for rule in all_rules())


def fingerprint(path: Path) -> Fingerprint:
    """Name, size and time of each event file: a log that grows is another log."""
    files = [file for part in _parts(path) for file in _own_files(part)]
    return tuple((f.name, (stat := f.stat()).st_size, stat.st_mtime_ns) for f in files)


def latest(path: Path) -> int:
    """When the log was last written, in nanoseconds since the epoch; 0 when it cannot be looked at."""
    try:
        return max((time for _, _, time in fingerprint(path)), default=0)
    except OSError:  # it vanished between listing and looking; opening it will say so
        return 0


def _parts(path: Path) -> tuple[Path, ...]:
    """The folders a run lies in: itself, or those of training and validation below it."""
    from torchvitals.reading.split_runs import TRAIN, VALIDATION

    if path.is_file() or _own_files(path):
        return (path,)
    below = [path / name for name in (TRAIN, *VALIDATION) if _own_files(path / name)]
    return (below[0], below[1]) if len(below) > 1 and below[0].name == TRAIN else (path,)


def _own_files(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(path.glob("*tfevents*"))


def _ours(folder: Path) -> bool:
    """Whether our recorder wrote there: then a folder is whole in itself, whatever it is called."""
    from torchvitals.reading.reader import MANIFEST_TAG

    for file in _own_files(folder):
        with file.open("rb") as stream:
            if MANIFEST_TAG.encode() in stream.read(HEAD):
                return True
    return False


def _name(path: Path, root: Path, *, several: bool) -> str:
    inside = path.relative_to(root).as_posix()
    if inside == ".":
        return root.name or str(root)
    return f"{root.name}/{inside}" if several else inside
