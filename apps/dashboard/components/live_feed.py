"""A log as it grows: the run of this moment, and what has been found since somebody began to look."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import data
import streamlit as st

from torchvitals.cli.follow import Event, Followed
from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.run import Run

REST = 4  # times as long a pause as a diagnosis took: a fifth of one core at most, for the training needs the others
KEPT = 50  # news that stay on the page
TOLD = frozenset({"found", "worse", "gone"})


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Something that changed, when, and at which step the log stood."""

    event: Event
    clock: str
    step: int


class Feed:
    """One session's look at one log. The rules judge in a thread of their own, so that the curves never wait for them."""

    def __init__(self, name: str, path: Path) -> None:
        opened = data.open_run(path)
        self.path = path
        self.news: list[News] = []  # latest first
        self._log = data.log(path)
        self._held = _Held()
        self._followed = Followed(name, self._held)  # type: ignore[arg-type] # polls like a reader
        self._followed.run, self._followed.diagnosis = opened.run, opened.diagnosis
        list(self._followed.look())  # what was found before is no news
        self._seen = opened.run
        self._work: Future[tuple[list[Event], float]] | None = None
        self._rest_until = 0.0

    @property
    def diagnosis(self) -> Diagnosis | None:
        """The latest verdict; it may be a few looks behind the curves."""
        return self._followed.diagnosis

    def look(self) -> tuple[Run, list[News]]:
        """The run as it is now, and what is new since the last look.

        Raises:
            LogError: the run cannot be read any more.
        """
        run = self._log.run()
        fresh = list(self._collected())
        if run is not self._seen and self._work is None and time.monotonic() >= self._rest_until:
            self._seen = run
            self._work = _worker().submit(self._judge, run)
        self.news = [*reversed(fresh), *self.news][:KEPT]
        return run, fresh

    def _judge(self, run: Run) -> tuple[list[Event], float]:
        start = time.monotonic()
        self._held.run = run
        return list(self._followed.look()), time.monotonic() - start

    def _collected(self) -> Iterator[News]:
        if self._work is None or not self._work.done():
            return
        work, self._work = self._work, None
        events, took = work.result()
        self._rest_until = time.monotonic() + REST * took
        for event in events:
            if event.what in TOLD and event.run is not None:
                last = int(event.run.steps[-1]) if len(event.run.steps) else 0
                yield News(event=event, clock=time.strftime("%H:%M:%S"), step=last)


class _Held:
    """Hands on a run that was read already, as a reader would."""

    def __init__(self) -> None:
        self.run: Run | None = None

    def poll(self) -> Run | None:
        run, self.run = self.run, None
        return run


@st.cache_resource
def _worker() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="live-rules")


def of(name: str, path: Path) -> Feed:
    """This session's feed of a run; another run begins another."""
    feed = st.session_state.get("_live")
    if not isinstance(feed, Feed) or feed.path != path:
        feed = st.session_state["_live"] = Feed(name, path)
    return feed
