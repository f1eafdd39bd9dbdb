"""The dashboard's server process: where its script lies, which port it gets, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import torchvitals
from torchvitals.errors import MissingDependencyError, TorchvitalsError

DEFAULT_PORT = 8517
START_S = 60.0  # a cold start on a loaded machine
STOP_S = 5.0


def app_script() -> Path:
    """The app's script: inside the package in a wheel, in `apps/` in a checkout."""
    package = Path(torchvitals.__file__).parent
    for script in (package / "dashboard_app" / "app.py", package.parents[1] / "apps" / "dashboard" / "app.py"):
        if script.is_file():
            return script
    raise MissingDependencyError(
        f"The dashboard's files are not beside {package}; run: pip install --force-reinstall torchvitals"
    )


def is_free(port: int) -> bool:
    """Whether nothing listens on a port of this machine yet."""
    with socket.socket() as probe:
        # As the server itself will: a port that a finished server left in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port nothing listens on, as the system chooses it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def streamlit(script: Path, logdir: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run the app as a child process that ends with this block, also when this process is told to terminate."""
    options = {
        "server.address": "127.0.0.1",
        "server.port": str(port),
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "logger.level": "warning",
    }
    flags = [word for name, value in options.items() for word in (f"--{name}", value)]
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(script), *flags],
        env={**os.environ, "TORCHVITALS_LOGDIR": str(logdir.resolve())},
        stdout=subprocess.DEVNULL,  # its own banner; errors still come through stderr
    )
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield process
    except KeyboardInterrupt:
        pass  # the ordinary end
    finally:
        signal.signal(signal.SIGTERM, before)
        _stop(process)


def wait_until_up(process: subprocess.Popen[bytes], port: int) -> None:
    """Return once the server takes connections."""
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if process.poll() is not None:
            raise TorchvitalsError(f"The dashboard ended at once with code {process.returncode}; its message stands above")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TorchvitalsError(f"The dashboard did not answer on port {port} within {START_S:.0f} s; try again with another --port")


def wait(process: subprocess.Popen[bytes]) -> None:
    """Stay until the server ends."""
    if process.wait() != 0:
        raise TorchvitalsError(f"The dashboard ended with code {process.returncode}; its message stands above")


def has_display() -> bool:
    """Whether a browser window can open here: on Linux a display is needed, a text browser would take over the terminal."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def show(url: str) -> None:
    """Open the address in the user's browser; without one, the printed address has to do."""
    webbrowser.open(url)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        process.kill()
        process.wait()
