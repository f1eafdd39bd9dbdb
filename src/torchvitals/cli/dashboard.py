"""`torchvitals dashboard`: the Streamlit app on this machine, and on this machine only."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from torchvitals.cli.console import say
from torchvitals.errors import ConfigError, LogNotFoundError, MissingDependencyError


def dashboard(
    logdir: Annotated[Path, typer.Argument(metavar="[LOGDIR]", help="A run or a folder of runs.")] = Path("runs"),
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Default 8517, or a free one when that is taken.", show_default=False)
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address.")] = False,
) -> None:
    """Look at the runs below LOGDIR in the browser; Ctrl-C ends it.

    It listens on 127.0.0.1 and sends nothing anywhere.

    Example: [bold]torchvitals dashboard runs --port 8600[/bold]
    """
    require_streamlit()
    if not logdir.exists():
        raise LogNotFoundError(f"There is nothing at {str(logdir)!r}; give the folder that was passed to watch(logdir=…)")
    open_dashboard(logdir, port=port, browser=not no_browser)


def open_dashboard(logdir: Path, *, port: int | None = None, browser: bool = True) -> None:
    """Serve the dashboard until Ctrl-C."""
    from torchvitals.cli import server

    chosen = server.DEFAULT_PORT if port is None else port
    if not server.is_free(chosen):
        if port is not None:
            raise ConfigError(f"Port {port} is taken; leave --port out to get a free one")
        chosen = 0
    chosen = chosen or server.free_port()
    with server.streamlit(server.app_script(), logdir, chosen) as process:
        server.wait_until_up(process, chosen)
        url = f"http://127.0.0.1:{chosen}"
        say(f"The dashboard of {logdir} is at {url} (Ctrl-C ends it)")
        if browser and server.has_display():
            server.show(url)
        server.wait(process)


def require_streamlit() -> None:
    """Stop here, with the remedy, when Streamlit is not installed."""
    if find_spec("streamlit") is None:
        raise MissingDependencyError("The dashboard needs Streamlit; run: pip install 'torchvitals[dashboard]'")
