import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def quick() -> subprocess.CompletedProcess[str]:
    words = [sys.executable, str(ROOT / "benchmarks" / "logs.py"), "--quick"]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_the_benchmark_of_the_logs_runs_and_our_reader_returns_every_point(quick) -> None:
    assert quick.returncode == 0, quick.stderr
    ours = [line for line in quick.stdout.splitlines() if line.startswith("| torchvitals |")]
    assert [line.split("|")[-2].strip() for line in ours] == [
        f"{n} points" for n in ("50,000", "50,000", "2,500", "2,500", "2")
    ]


def test_the_rules_have_something_to_judge_in_its_scalars(quick) -> None:
    judged = [line.split("|")[-2].split()[0] for line in quick.stdout.splitlines() if "read and diagnose |" in line]
    assert len(judged) == 2
    assert all(int(n) >= 5 for n in judged)


def test_a_reader_that_loses_a_point_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import logs

    whole = {(log, reader): logs.Measured(seen=n) for log, n in logs.points(20).items() for reader in logs.WHOLE}
    assert logs.missing(whole, 20) == []
    one_short = whole | {("images", "torchvitals"): logs.Measured(seen=1)}
    assert logs.missing(one_short, 20) == ["torchvitals on images: 1 of 2 points"]
    failed = whole | {("images", "torchvitals"): logs.Measured(failure="OSError")}
    assert logs.missing(failed, 20) == ["torchvitals on images: OSError"]
