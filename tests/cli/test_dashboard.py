import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

import torchvitals
from torchvitals.cli import server

SCRIPT = [sys.executable, "-c", "from torchvitals.cli import main; main()", "dashboard"]


@pytest.fixture
def taken() -> int:
    """A port that something else listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def serve(logdir: Path, *options: str) -> tuple[subprocess.Popen[str], str]:
    """Start the real command; returns it with the address it printed."""
    process = subprocess.Popen([*SCRIPT, str(logdir), "--no-browser", *options], stderr=subprocess.PIPE, text=True)
    seen = ""
    for line in process.stderr:
        seen += line
        if match := re.search(r"http://127\.0\.0\.1:\d+", line):
            return process, match[0]
    raise AssertionError(f"no address was printed: {seen}")


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_on_this_machine_only_until_it_is_told_to_end(tmp_path: Path, ending: signal.Signals) -> None:
    process, url = serve(tmp_path)
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=20) as answer:
            assert answer.status == 200
    finally:
        process.send_signal(ending)
        errors = process.communicate(timeout=20)[1]
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert server.is_free(int(url.rpartition(":")[2]))


def test_a_taken_default_port_is_avoided(tmp_path: Path, taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvitals.cli import dashboard

    monkeypatch.setattr(server, "DEFAULT_PORT", taken)
    chosen: list[int] = []

    def start(_script: Path, _logdir: Path, port: int) -> None:
        chosen.append(port)
        raise KeyboardInterrupt

    monkeypatch.setattr(server, "streamlit", start)
    monkeypatch.setattr(server, "app_script", lambda: Path("app.py"))
    with pytest.raises(KeyboardInterrupt):
        dashboard.open_dashboard(tmp_path)
    assert chosen[0] not in (0, taken)


def test_a_taken_port_that_was_asked_for_is_an_error(cli, tmp_path: Path, taken: int) -> None:
    result = cli("dashboard", tmp_path, "--port", taken)
    assert result.code == 2
    assert str(taken) in result.err


def test_without_streamlit_it_says_what_to_install(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchvitals.cli.dashboard.find_spec", lambda _name: None)
    result = cli("dashboard", tmp_path)
    assert result.code == 2
    assert result.err == "torchvitals: The dashboard needs Streamlit; run: pip install 'torchvitals[dashboard]'\n"


def test_the_app_is_found_in_a_wheel_and_in_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "src" / "torchvitals"
    in_checkout, in_wheel = tmp_path / "apps" / "dashboard" / "app.py", package / "dashboard_app" / "app.py"
    monkeypatch.setattr(torchvitals, "__file__", str(package / "__init__.py"))
    for script in (in_checkout, in_wheel):
        script.parent.mkdir(parents=True)
        script.touch()
        assert server.app_script() == script


def test_a_window_needs_a_display_on_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    assert not server.has_display()
    monkeypatch.setenv("DISPLAY", ":0")
    assert server.has_display()
