import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
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


@pytest.fixture(scope="module")
def overhead() -> list[list[str]]:
    """The rows of the table of a few steps of the smallest network, cell by cell."""
    words = [
        sys.executable,
        str(ROOT / "benchmarks" / "overhead.py"),
        "--quick",
        "--arms",
        "off",
        "torchvitals",
        "torchvitals1",
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    table = done.stdout.partition("| recorder |")[2]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("| ")][1:]


def test_the_benchmark_of_the_overhead_measures_every_recorder_asked_for(overhead) -> None:
    assert [row[0] for row in overhead] == ["nothing (control)", "torchvitals", "torchvitals, every=1"]
    assert [row[1] for row in overhead] == ["10", "10", "10"]
    assert all(float(row[3].split()[0]) > 0 for row in overhead)


def test_it_sees_what_a_recorder_leaves_on_the_disk(overhead) -> None:
    size = {row[0]: float(row[8]) for row in overhead}
    assert size["nothing (control)"] == 0
    assert size["torchvitals, every=1"] > 0


def test_a_recorder_that_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import overhead as program
    import overhead_arms
    import overhead_figures
    import overhead_page

    arm = overhead_arms.Arm(name="wandb", title="", attach=overhead_arms.off, package="no_such_package")
    found = program.measure(arm, "tiny", program.arguments().parse_args([]))
    assert found == overhead_figures.Missing(reason="not installed")
    assert any("| not installed |" in line for line in overhead_page.table({("wandb", "tiny"): found}, "tiny"))


def test_its_figures_are_those_of_the_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    from overhead_figures import figures

    rng = np.random.default_rng(0)
    pairs = 1e-3 + 1e-4 * rng.random((200, 4))
    found = figures({"pairs": pairs.tolist(), "bytes": 400_000, "start_s": 0.3})
    off, on, off_wall, on_wall = pairs.T
    ratios = [part[:, 1].sum() / part[:, 0].sum() for part in np.split(pairs, 10)]
    assert found.mean_ratio == pytest.approx(on.sum() / off.sum())
    assert found.wall_ratio == pytest.approx(on_wall.sum() / off_wall.sum())
    assert found.median_us == pytest.approx(1e6 * (np.median(on) - np.median(off)))
    assert found.p95 == pytest.approx(np.quantile(on, 0.95, method="lower") / np.median(on))
    assert found.noise == pytest.approx(np.std(ratios, ddof=1) / np.sqrt(10))
    assert (found.pairs, found.mb, found.start_s) == (200, 2.0, 0.3)


@pytest.mark.parametrize(
    ("ratio", "noise", "control", "verdict"),
    [
        (1.01, 0.004, 1.005, "yes"),
        (1.01, 0.004, 0.98, "within the noise"),
        (1.03, 0.004, 1.0, "**no**"),
        (1.03, 0.006, 1.0, "within the noise"),
    ],
)
def test_a_promise_holds_only_where_the_noise_allows_to_say_so(
    monkeypatch: pytest.MonkeyPatch, ratio: float, noise: float, control: float, verdict: str
) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    from overhead_figures import figures
    from overhead_page import holds

    plain = figures({"pairs": [(1.0, 1.0, 1.0, 1.0)] * 10, "bytes": 0, "start_s": None})
    mine, other = replace(plain, mean_ratio=ratio, noise=noise), replace(plain, mean_ratio=control)
    assert holds(mine, other) == verdict


def test_the_clock_of_a_training_stands_still_while_the_other_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    from overhead_clock import KINDS, TrainingClock

    now = dict.fromkeys(KINDS, 0.0)
    for kind in KINDS:
        monkeypatch.setattr(time, kind, lambda kind=kind: now[kind])
    clock = TrainingClock()
    now["perf_counter"] = 2.0
    with clock.stopped():
        now["perf_counter"] = 5.0
    now["perf_counter"] = 6.0
    assert (time.perf_counter(), clock.real["perf_counter"]()) == (3.0, 6.0)
    assert time.process_time() == 0.0
