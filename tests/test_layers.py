"""The one-way flow of the stages, held by the import contracts of pyproject.toml; and a test that they hold something."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROGRAM = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the package below `folder`/src against the contracts of `folder`/pyproject.toml."""
    program = f"import sys; sys.path.insert(0, {str(folder / 'src')!r}); {PROGRAM}"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_stages_keep_their_layers() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("core/stats.py", "from torchvitals.diagnosis import rule"),
        ("core/stats.py", "import torch"),
        ("diagnosis/rule.py", "import torch"),
        ("diagnosis/rule.py", "from torchvitals.reading import reader"),
        ("present/report/section.py", "from torchvitals.diagnosis import rule"),
        ("record/instrument.py", "from torchvitals import store"),
        ("cli/report.py", "import torch"),
        ("cli/report.py", "import plotly"),
        ("errors.py", "from torchvitals.core import tag"),
    ],
)
def test_a_breach_is_seen(tmp_path: Path, file: str, line: str) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    broken = tmp_path / "src" / "torchvitals" / file
    broken.write_text(f"{broken.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
    done = lint(tmp_path)
    assert done.returncode == 1
    assert "BROKEN" in done.stdout


def test_files_stay_small() -> None:
    long = {p.name: n for p in (ROOT / "src").rglob("*.py") if (n := len(p.read_text(encoding="utf-8").splitlines())) > 300}
    assert long == {}, "one idea a file: split these"
