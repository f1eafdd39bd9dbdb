"""The dashboard as a reader meets it: the real server, a real browser, a real log."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from apps.values import DASHBOARD, vanishing_run, write_log

from torchvitals.core.diagnosis import Diagnosis

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
WAIT_MS = 30_000

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: install chromium to see the dashboard drawn"),
]


@pytest.fixture(scope="module")
def logdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    write_log(vanishing_run(), folder / "deep-sigmoid")
    return folder


@pytest.fixture(scope="module")
def diagnosis(logdir: Path) -> Diagnosis:
    from torchvitals.diagnosis.engine import diagnose
    from torchvitals.reading.reader import read

    return diagnose(read(logdir / "deep-sigmoid"))


@pytest.fixture(scope="module")
def server(logdir: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ["--server.address", "127.0.0.1", "--server.port", str(port), "--server.headless", "true"]
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "streamlit",
            "run",
            str(DASHBOARD / "app.py"),
            *arguments,
            "--browser.gatherUsageStats",
            "false",
        ],
        env=os.environ | {"TORCHVITALS_LOGDIR": str(logdir)},
        cwd=logdir,  # the configuration must be found from anywhere
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/_stcore/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert process.poll() is None, "the server ended before it answered"
        try:
            with urllib.request.urlopen(address, timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail("the server did not answer within 30 s")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_pages_are_drawn_and_nothing_leaves_the_machine(server: str, diagnosis: Diagnosis, scheme: str) -> None:
    from playwright.sync_api import expect, sync_playwright

    ARTIFACTS.mkdir(exist_ok=True)
    root = diagnosis.roots[0]
    asked: list[str] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1280, "height": 1700}, color_scheme=scheme)
        page.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda websocket: asked.append(websocket.url))

        page.goto(server)
        verdict = page.locator("[class*='st-key-verdict-']")
        expect(verdict).to_contain_text(root.summary, timeout=WAIT_MS)
        expect(verdict).to_contain_text(root.symptom)
        expect(page.locator(".js-plotly-plot .scatterlayer .trace").first).to_be_visible(timeout=WAIT_MS)
        page.screenshot(path=ARTIFACTS / f"findings-{scheme}.png")

        page.goto(f"{server}/gradient-flow?measure=update_ratio&step=500")  # a cold deep link
        expect(page.get_by_text("All layers at step 500")).to_be_visible(timeout=WAIT_MS)
        expect(page.locator(".js-plotly-plot .heatmaplayer image").first).to_be_visible(timeout=WAIT_MS)
        expect(page.get_by_text("Findings", exact=True)).to_have_count(1)  # one navigation, not the legacy one beside it
        background = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
        page.screenshot(path=ARTIFACTS / f"gradient-flow-{scheme}.png")

        page.get_by_text("since step").last.click()  # back to the finding
        expect(verdict).to_be_visible(timeout=WAIT_MS)
        assert "symptom=" in page.url
        browser.close()
    lightness = sum(int(part) for part in background.removeprefix("rgb(").rstrip(")").split(","))
    assert (lightness > 3 * 128) == (scheme == "light")
    assert {urlsplit(url).hostname for url in asked if not url.startswith(("data:", "blob:"))} == {"127.0.0.1"}
