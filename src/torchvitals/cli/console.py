"""Where words go: human text to a terminal or stderr, data to stdout."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def human() -> Console:
    """A console for people: stdout when that is a terminal, else stderr, so that piped data stays clean."""
    from rich.console import Console

    return Console(stderr=not sys.stdout.isatty(), highlight=False)


def document() -> Console:
    """A console for text that was asked for, and may be piped into a pager or a file: always stdout."""
    from rich.console import Console

    return Console(highlight=False)


def say(text: str) -> None:
    """One line on stderr, as it is: a path or a layer name is never read as markup."""
    sys.stderr.write(f"{text}\n")


@contextmanager
def progress(words: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr while it is a terminal; tell it of each amount done and of how much there is in all."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(words, total=None)
        yield lambda amount, total: bar.update(task, advance=amount, total=total)
