"""A CI job that only reads logs needs no torch: where it cannot be imported, everything but recording works."""

import subprocess
import sys
from pathlib import Path

import pytest
from foreign_log import write_log

REFUSE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "sklearn", "streamlit"):
            raise ImportError(f"{name} is not to be imported")

sys.meta_path.insert(0, Refuse())
"""
READ = """
import sys
import torchvitals
run = torchvitals.read(sys.argv[1])
diagnosis = torchvitals.diagnose(run)
assert diagnosis.to_json() and diagnosis._repr_html_()
for suffix in ("html", "json", "md"):
    assert torchvitals.report(run, f"{sys.argv[2]}/report.{suffix}").stat().st_size
"""


def run(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-W", "error", "-c", REFUSE + program, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    write_log(tmp_path / "run", {"loss/train": [2.0 - 0.01 * i for i in range(100)], "grad_norm/fc.weight": [0.1] * 100})
    return tmp_path / "run"


def test_read_diagnose_and_report(log: Path, tmp_path: Path) -> None:
    done = run(READ, log, tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "words", ["['symptoms']", "['symptoms', 'dead-relu']", "['diagnose', sys.argv[1], '--why', '--exit-zero']"]
)
def test_the_commands(log: Path, words: str) -> None:
    done = run(f"from torchvitals.cli import main\nmain({words})", log)
    assert done.returncode in (0, 3), done.stderr
    assert "Traceback" not in done.stderr


def test_the_refusal_refuses() -> None:
    done = run("import torch")
    assert done.returncode == 1
    assert "not to be imported" in done.stderr
