"""The dashboard as a reader meets it: the real server, a real browser, real logs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from apps.values import DASHBOARD, healthy_run, vanishing_run, write_log

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = next(
    (p for p in map(Path, ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")) if p.exists()), None
)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
ARTIFACTS = DASHBOARD.parents[1] / ".artifacts"
WAIT_MS = 60_000  # a cold start on a loaded machine

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: install chromium to see the dashboard drawn"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The dashboard on a sick run and a healthy one, as the command serves it."""
    from torchvitals.cli import server as cli

    folder = tmp_path_factory.mktemp("runs")
    write_log(healthy_run(), folder / "steady")
    write_log(vanishing_run(), folder / "deep-sigmoid")
    port = cli.free_port()
    with cli.streamlit(DASHBOARD / "app.py", folder, port) as process:
        cli.wait_until_up(process, port)
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all of it."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    ARTIFACTS.mkdir(exist_ok=True)
    with sync_api.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        yield chromium
        chromium.close()


def _open(browser: Browser, scheme: str = "light") -> tuple[Page, list[str]]:
    """A page, and every address it asks for."""
    asked: list[str] = []
    page = browser.new_page(viewport={"width": 1280, "height": 1700}, color_scheme=scheme)
    page.set_default_timeout(WAIT_MS)
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda websocket: asked.append(websocket.url))
    return page, asked


def _query(page: Page) -> dict[str, str]:
    return {key: values[-1] for key, values in parse_qs(urlsplit(page.url).query).items()}


def test_from_the_verdict_to_the_evidence_to_the_layer_to_another_run_to_the_report(server: str, browser: Browser) -> None:
    from playwright.sync_api import expect

    expect.set_options(timeout=WAIT_MS)
    page, asked = _open(browser)

    page.goto(f"{server}/?run=deep-sigmoid")
    expect(page.locator("[class*='st-key-verdict-']")).to_contain_text("critical")
    expect(page.locator(".js-plotly-plot .scatterlayer .trace").first).to_be_visible()
    page.screenshot(path=ARTIFACTS / "findings-light.png")

    page.get_by_role("link", name="See the evidence: Gradient flow →").click()
    expect(page.get_by_text("All layers at step")).to_be_visible()
    chosen = _query(page)
    assert chosen["run"] == "deep-sigmoid"
    assert chosen["layer"].startswith("net.")

    grid = page.locator(".js-plotly-plot .nsewdrag").first
    expect(page.locator(".js-plotly-plot .heatmaplayer image").first).to_be_visible()
    box = grid.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.7 * box["height"])
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.7 * box["height"])
    page.wait_for_url(lambda url: "step=" in url and parse_qs(urlsplit(url).query)["layer"] != [chosen["layer"]])
    clicked = _query(page)
    expect(page.get_by_text(f"All layers at step {int(clicked['step']):,}")).to_be_visible()

    module = clicked["layer"].removesuffix(".weight")
    page.locator(f"a[href*='module={module}']").click()  # the link of the layer that was clicked, not of the one before
    page.wait_for_url(lambda url: urlsplit(url).path == "/layer")
    assert _query(page)["module"] == module

    page.goto(f"{server}/compare?run=deep-sigmoid&baseline=steady")
    expect(page.get_by_role("heading", name="Compare").first).to_be_visible()
    expect(page.get_by_text("deep-sigmoid against steady")).to_be_visible()

    page.goto(f"{server}/report?run=deep-sigmoid")
    with page.expect_download() as waiting:
        page.get_by_test_id("stDownloadButton").get_by_role("button").click()
    assert Path(waiting.value.path()).stat().st_size > 1000
    assert {urlsplit(url).hostname for url in asked if not url.startswith(("data:", "blob:", "about:"))} == {"127.0.0.1"}
    page.close()


def test_a_cold_link_in_the_dark_is_one_page_with_one_navigation(server: str, browser: Browser) -> None:
    from playwright.sync_api import expect

    expect.set_options(timeout=WAIT_MS)
    page, _ = _open(browser, "dark")
    page.goto(f"{server}/gradient-flow?run=deep-sigmoid&measure=update_ratio&step=500")
    expect(page.get_by_text("All layers at step 500")).to_be_visible()
    expect(page.get_by_text("Findings", exact=True)).to_have_count(1)  # not the legacy one beside it
    background = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    page.screenshot(path=ARTIFACTS / "gradient-flow-dark.png")
    assert sum(int(part) for part in background.removeprefix("rgb(").rstrip(")").split(",")) < 3 * 128
    page.close()
