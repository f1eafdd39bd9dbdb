import json
import subprocess
import sys
import time

import pytest

import torchvitals
from torchvitals.cli import COMMANDS

HEAVY = ("torch", "plotly", "streamlit", "jinja2", "pandas", "sklearn", "tensorboard", "numpy")
PROBE = """
import json, sys
from torchvitals.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print("\\n" + json.dumps(sorted(sys.modules)))
"""


def loaded(*arguments: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("arguments", [["--help"], ["diagnose", "--help"], ["--version"], ["diagnose"]])
def test_starting_imports_nothing_heavy(arguments: list[str]) -> None:
    assert loaded(*arguments).isdisjoint(HEAVY)


def test_the_probe_sees_what_a_command_imports() -> None:
    assert "numpy" in loaded("symptoms")  # the rules need it: a probe that saw nothing would pass the test above


def test_help_is_quick() -> None:
    def seconds() -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", PROBE, "--help"], capture_output=True, check=True)
        return time.perf_counter() - start

    assert min(seconds() for _ in range(5)) < 1.5  # about 0.25 s on a quiet machine; machines of CI are not quiet


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.__name__)
def test_every_command_teaches_by_example(cli, command) -> None:
    result = cli(command.__name__, "--help")
    assert result.code == 0
    assert f"Example: torchvitals {command.__name__}" in result.out


def test_version(cli) -> None:
    result = cli("--version")
    assert (result.code, result.out) == (0, f"torchvitals {torchvitals.__version__}\n")


def test_help_lists_the_exit_codes(cli) -> None:
    assert "Exit codes" in cli("--help").out


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["diagnose"], ["diagnose", "x", "--fail-on", "mild"], ["diagnose", "x", "--format", "xml"], ["report", "x"]],
)
def test_wrong_use_exits_with_2(cli, arguments: list[str]) -> None:
    result = cli(*arguments)
    assert result.code == 2
    assert "Traceback" not in result.err
