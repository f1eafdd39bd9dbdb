"""Take the pictures of the README anew: `python docs/screenshots.py` (needs a Chromium).

The dashboard is the real one on the sample runs; the terminal is what `torchvitals diagnose` prints of them.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console

import torchvitals
from torchvitals.cli import server
from torchvitals.present.report.section import Section
from torchvitals.present.report.terminal import print_report

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
SAMPLES = ROOT / "sample_runs"
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")
SHOWN = ("healthy", "vanishing")
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
HOME = "findings"  # it has no address of its own
PAGES = {
    "findings": "run=vanishing",
    "checklist": "run=vanishing",
    "learning-curves": "run=diverging",
    "gradient-flow": "run=vanishing",
    "activations": "run=dead-relu",
    "weights": "run=healthy",
    "layer": "run=dead-relu&module=relu2",
    "sequences": "run=healthy",
    "filters": "run=photo-filters",
    "attributions": "run=digit-filters",
    "data-loop": "run=healthy",
    "architecture": "run=digit-filters",
    "compare": "run=vanishing&baseline=healthy",
    "live": "run=healthy",
    "report": "run=vanishing",
}


def main() -> None:
    """Write the pictures of the README, and every page in light and dark below `pages/`."""
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    if browser_path is None:
        raise SystemExit("no Chromium found; install it to take screenshots")
    with sync_playwright() as p, dashboard() as url:
        browser = p.chromium.launch(executable_path=browser_path, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1280, "height": 1060}, device_scale_factor=1.5)
        shoot(page, f"{url}/?run=vanishing", "dashboard.png")
        shoot(page, f"{url}/gradient-flow?run=vanishing", "gradient-flow.png")
        page.set_viewport_size({"width": 1280, "height": 2700})
        shoot(page, f"{url}/attributions?run=spurious-mark", "attributions.png", only="[class*=st-key-attribution]")
        terminal(page)
        for scheme in SCHEMES:
            every_page(browser, url, scheme)
        browser.close()


def shoot(page: Page, url: str, name: str, *, only: str = "") -> None:
    """One page of the dashboard, or one part of it, once its charts are drawn."""
    page.goto(url)
    page.locator("[data-testid=stMainBlockContainer] [data-testid=stElementContainer]").first.wait_for()
    page.locator("[data-testid=stStatusWidget]").wait_for(state="detached", timeout=60_000)
    page.wait_for_timeout(2000)
    (page.locator(only).last if only else page).screenshot(path=IMAGES / name)


def every_page(browser: Browser, url: str, scheme: Literal["light", "dark"]) -> None:
    """All pages, each on a run that has something for it."""
    page = browser.new_page(viewport={"width": 1280, "height": 1300}, color_scheme=scheme)
    (IMAGES / "pages").mkdir(exist_ok=True)
    for name, query in PAGES.items():
        shoot(page, f"{url}/{'' if name == HOME else name}?{query}", f"pages/{name}-{scheme}.png")
    page.close()


def terminal(page: Page) -> None:
    """What the terminal shows, as a picture of Rich's own making."""
    console = Console(record=True, width=100, file=io.StringIO(), force_terminal=True)
    console.print("[bold]$[/] torchvitals diagnose sample_runs")
    runs = [torchvitals.read(SAMPLES / name) for name in SHOWN]
    print_report(console, [Section(run=run, diagnosis=torchvitals.diagnose(run)) for run in runs])
    with tempfile.TemporaryDirectory() as scratch:
        drawing = Path(scratch) / "terminal.svg"
        # Rich links its font from the web; the browser's own monospace does as well.
        drawing.write_text(console.export_svg(title="torchvitals", font_aspect_ratio=0.6).replace("https://", "offline:"))
        page.goto(drawing.as_uri())
        _, _, width, height = page.evaluate("document.documentElement.getAttribute('viewBox')").split()
        page.set_viewport_size({"width": int(float(width)), "height": int(float(height))})
        page.screenshot(path=IMAGES / "terminal.png")


@contextmanager
def dashboard() -> Iterator[str]:
    """The real server on the sample runs."""
    port = server.free_port()
    with server.streamlit(server.app_script(), SAMPLES, port) as process:
        server.wait_until_up(process, port)
        yield f"http://127.0.0.1:{port}"


if __name__ == "__main__":
    main()
