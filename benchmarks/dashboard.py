"""How long a reader waits for the dashboard, and what it costs: `python benchmarks/dashboard.py` (needs a Chromium).

A headless browser opens a run of a million points and 200 layers. Results go to `benchmarks/results/dashboard-DATE.md`;
`--quick` opens a twentieth of it once and prints only.
"""

from __future__ import annotations

import argparse
import datetime
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dashboard_data as made
import dashboard_page

from torchvitals.cli import server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

POINTS, QUICK = 1_000_000, 20
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")
PATIENCE_MS = 60_000
WATCHED_S = 20.0  # how long the live page is watched
CHARTS = ".js-plotly-plot .main-svg"
Found = dict[str, list[float]]


def main() -> None:
    """Measure, and write the page."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--quick", action="store_true")
    quick = flags.parse_args().quick
    with tempfile.TemporaryDirectory() as scratch:
        log = made.write(Path(scratch) / "runs" / "deep", points=POINTS // (QUICK if quick else 1))
        size = log.stat().st_size
        found = measure(log, repetitions=1 if quick else 3)
    date = f"{datetime.date.today()}"
    text = dashboard_page.page(found, points=POINTS // (QUICK if quick else 1), size=size, date=date)
    print(text)
    if not quick:
        (Path(__file__).parent / "results" / f"dashboard-{date}.md").write_text(text, encoding="utf-8")


def measure(log: Path, *, repetitions: int) -> Found:
    """Each repetition has a server of its own, which has read nothing yet."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("no Chromium found; install it to measure the dashboard")
    found: Found = {}
    with sync_playwright() as play:
        for _ in range(repetitions):
            browser = play.chromium.launch(executable_path=chromium, args=list(FLAGS))
            with served(log) as (url, pid):
                for name, seconds in once(browser, url, log):
                    found.setdefault(name, []).append(seconds)
                found.setdefault("memory", []).append(peak_mb(pid))
            browser.close()
    return found


def once(browser: Browser, url: str, log: Path) -> Iterator[tuple[str, float]]:
    """What one reader waits for, in the order of reading."""
    yield "first page, log not read yet", opened(browser, url)[0]
    seconds, page = opened(browser, url)
    yield "first page, log read by somebody before", seconds
    for menu, title, sight in (
        ("Signals", "Gradient flow", ".js-plotly-plot .heatmaplayer image"),
        ("", "Findings", "[class*='st-key-verdict-']"),
        ("Runs", "Live", "[class*='st-key-now-']"),
    ):
        yield f"page change to {title}", changed(page, menu, title, sight)
    for seconds in ticks(page, log):
        yield "live tick", seconds


def opened(browser: Browser, url: str) -> tuple[float, Page]:
    """Seconds until the verdict and the first chart stand there, in a browser that has nothing cached."""
    page = browser.new_context(viewport={"width": 1280, "height": 1200}).new_page()
    page.set_default_timeout(PATIENCE_MS)
    start = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.locator("[class*='st-key-verdict-']").first.wait_for()
    seconds = time.perf_counter() - start
    page.locator(CHARTS).first.wait_for()
    return seconds, page


def changed(page: Page, menu: str, title: str, sight: str) -> float:
    """Seconds from the click on a page's name until what it is opened for is there."""
    if menu:
        page.get_by_test_id("stTopNavSection").filter(has_text=menu).first.click()
    link = page.locator("a[data-testid^='stTopNav']").filter(has_text=title).first
    link.wait_for()
    start = time.perf_counter()
    link.click()
    page.locator(sight).first.wait_for()
    return time.perf_counter() - start


def ticks(page: Page, log: Path) -> list[float]:
    """Seconds of each look of the live page while a training writes a step a second: from the question to the last answer."""
    sent: list[float] = []
    received: list[float] = []
    page.on("websocket", lambda socket: _listen(socket, sent, received))
    page.reload()
    page.locator("[class*='st-key-now-']").first.wait_for()
    with growing(log):
        page.wait_for_timeout(3000)
        first = time.perf_counter()
        page.wait_for_timeout(1000 * WATCHED_S)
    asked = [at for at in sent if at > first]
    ends = [*asked[1:], time.perf_counter()]
    answers = [[at for at in received if start < at < end] for start, end in zip(asked, ends, strict=True)]
    return [max(several) - start for start, several in zip(asked, answers, strict=True) if several][:-1]


def _listen(socket: Any, sent: list[float], received: list[float]) -> None:
    socket.on("framesent", lambda _: sent.append(time.perf_counter()))
    socket.on("framereceived", lambda _: received.append(time.perf_counter()))


@contextmanager
def growing(log: Path) -> Iterator[None]:
    """A training that goes on writing."""
    ended = threading.Event()

    def write() -> None:
        with log.open("ab", buffering=0) as stream:
            for record in made.records(100_000, 101_000):
                if ended.wait(1.0):
                    return
                stream.write(record)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        ended.set()
        writer.join()


@contextmanager
def served(log: Path) -> Iterator[tuple[str, int]]:
    """The real server, and its process."""
    port = server.free_port()
    with server.streamlit(server.app_script(), log.parents[1], port) as process:
        server.wait_until_up(process, port)
        yield f"http://127.0.0.1:{port}", process.pid


def peak_mb(pid: int) -> float:
    """The largest resident size a process has had, in MB (10⁶ bytes)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kib = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return kib * 1024 / 1e6


if __name__ == "__main__":
    main()
