"""What is installed is what was tested: the wheel holds every file of the dashboard."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from apps.values import DASHBOARD


@pytest.mark.skipif(find_spec("hatchling") is None, reason="hatchling is not installed: the wheel cannot be built here")
def test_the_wheel_holds_the_dashboard_and_opens_it_where_it_is_installed(tmp_path: Path) -> None:
    root = DASHBOARD.parents[1]
    words = ["-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run([sys.executable, *words], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    files = [p for p in DASHBOARD.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    assert len(files) > 30
    missing = [p for p in files if f"torchvitals/dashboard_app/{p.relative_to(DASHBOARD).as_posix()}" not in held]
    assert not missing
    installed = tmp_path / "installed"
    words = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(installed), str(wheel)]
    subprocess.run([sys.executable, *words], check=True)
    program = "import torchvitals.cli.server as server; print(server.app_script())"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    found = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert Path(found.stdout.strip()) == installed / "torchvitals" / "dashboard_app" / "app.py"
