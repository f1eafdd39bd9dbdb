"""What stands above every page: which run is open, and what the log says of itself."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import data
import streamlit as st

from components import empty, mutes, run_picker, words
from torchvitals.core.run import Run
from torchvitals.errors import TorchvitalsError
from torchvitals.present.text import printable

_OPENED = "_opened"
_PATH = "_opened_path"


def open_run() -> bool:
    """Draw the run picker and open what it shows; False when there is nothing to look at, and the page says why."""
    folders = data.roots()
    try:
        runs = data.list_runs(folders)
    except (TorchvitalsError, OSError) as error:
        empty.show("This folder cannot be read", "Check the path and its permissions.", detail=str(error))
        return False
    if not runs:
        _nothing_found(folders)
        return False
    with st.container(key="masthead", horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        name = run_picker.pick(runs)
        facts = st.empty()
    opened = _open(runs[name])
    if opened is None:
        return False
    facts.text(printable(_facts(opened.run)))
    st.session_state[_OPENED] = data.muted(opened, mutes.current())
    st.session_state[_PATH] = runs[name]
    if opened.run.manifest is None:
        _foreign()
    return True


def current() -> data.Opened:
    """The run that is open; pages are only drawn when there is one."""
    return cast(data.Opened, st.session_state[_OPENED])


def path() -> Path:
    """Where the run that is open lies."""
    return cast(Path, st.session_state[_PATH])


def _open(path: Path) -> data.Opened | None:
    try:
        return data.open_run(path)
    except FileNotFoundError as error:
        empty.show("This run is gone", "Its files were there a moment ago. Pick another run, or reload.", detail=str(error))
    except (TorchvitalsError, OSError) as error:
        empty.show("This log cannot be read", "Nothing was changed on disk. This is what stands in the way:", detail=str(error))
    except Exception as error:
        # A damaged file can fail anywhere in a parser; the page stays up and says which.
        empty.show("This log cannot be read", "It does not look like a log.", detail=f"{type(error).__name__}: {error}")
    return None


def _nothing_found(folders: tuple[Path, ...]) -> None:
    missing = [str(f) for f in folders if not f.exists()]
    if missing:
        title, text = "There is no such folder", "Start the dashboard with the folder your runs are written to."
    else:
        title, text = "No runs here yet", "A run appears as soon as training writes its first step. Record one with one line:"
    empty.show(title, text, detail="\n".join(missing or map(str, folders)), code=f"import torchvitals\n\n{empty.ATTACH}")


def _foreign() -> None:
    with st.container(key="note-foreign"):
        st.text(
            "This log has no manifest: another tool wrote it. What can be read is shown; layers are not in forward order. "
            "For all of it, record with torchvitals.watch(model, optimizer, logdir=…)."
        )


def _facts(run: Run) -> str:
    steps = run.steps
    parts = [words.count(len(steps), "recorded step", "recorded steps")]
    if len(steps):
        parts.append(f"last step {int(steps[-1]):,}")
    if (manifest := run.manifest) is not None:
        parts = [p for p in (manifest.model, ", ".join(manifest.optimizers), manifest.device) if p] + parts
    return "   ·   ".join(parts)
