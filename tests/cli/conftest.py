from collections.abc import Callable
from dataclasses import dataclass

import pytest

from torchvitals.cli import main


@dataclass(frozen=True, kw_only=True)
class Result:
    code: int
    out: str
    err: str


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run the command line in this process, through the same `main` as the installed script."""

    def run(*arguments: object) -> Result:
        with pytest.raises(SystemExit) as end:
            main([str(a) for a in arguments])
        code = end.value.code if isinstance(end.value.code, int) else 0
        captured = capsys.readouterr()
        return Result(code=code, out=captured.out, err=captured.err)

    return run
