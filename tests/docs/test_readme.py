import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def test_the_quick_start_runs_and_prints_a_verdict(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAMS[0]], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "healthy"
    assert list((tmp_path / "runs" / "quick-start").glob("events.out.tfevents.*"))


@pytest.mark.parametrize("target", sorted({t for t in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in t}))
def test_every_link_into_the_repository_leads_somewhere(target: str) -> None:
    assert (ROOT / target).exists()


def test_every_command_of_the_readme_exists() -> None:
    from torchvitals.cli import COMMANDS

    named = set(re.findall(r"`torchvitals ([a-z]+)", README))
    assert named == {command.__name__ for command in COMMANDS}
