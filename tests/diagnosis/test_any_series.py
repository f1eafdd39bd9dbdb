"""No rule falls over whatever a log holds: NaN, infinity, constants, single points, gaps, or far more than is usual."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import torchvitals
from torchvitals.core.finding import Skipped, Why
from torchvitals.core.run import Run
from torchvitals.core.series import Series, VectorSeries
from torchvitals.diagnosis.engine import all_rules, diagnose, judge
from torchvitals.diagnosis.rule import Rule

SAMPLES = Path(__file__).parents[2] / "sample_runs"
Values = NDArray[np.float64]
LONG = 100_000


def some(value: float, share: float) -> Callable[[Values], Values]:
    def change(values: Values) -> Values:
        chance = np.random.default_rng(len(values))
        return np.where(chance.random(values.shape) < share, value, values)

    return change


CHANGES: dict[str, Callable[[Values], Values]] = {
    "as it is": lambda v: v,
    "all NaN": lambda v: np.full_like(v, np.nan),
    "all infinite": lambda v: np.full_like(v, np.inf),
    "all minus infinity": lambda v: np.full_like(v, -np.inf),
    "all zero": np.zeros_like,
    "constant": lambda v: np.full_like(v, 3.0),
    "negative": lambda v: -np.abs(v) - 1,
    "enormous": lambda v: v * 1e30,
    "tiny": lambda v: v * 1e-40,
    "a NaN here and there": some(np.nan, 0.1),
    "an infinity here and there": some(np.inf, 0.1),
    "noise": lambda v: np.random.default_rng(0).normal(size=v.shape) * 1e3,
}
CUTS: dict[str, Callable[[int], NDArray[np.int64]]] = {
    "whole": np.arange,
    "one point": lambda n: np.arange(min(n, 1)),
    "two points": lambda n: np.arange(min(n, 2)),
    "empty": lambda _: np.arange(0),
    "the last few": lambda n: np.arange(max(n - 3, 0), n),
}


@cache
def sample(name: str) -> Run:
    return torchvitals.read(SAMPLES / name)


def changed(run: Run, change: Callable[[Values], Values], cut: Callable[[int], NDArray[np.int64]]) -> Run:
    def scalar(series: Series) -> Series:
        kept = cut(len(series))
        return replace(series, step=series.step[kept], value=change(series.value[kept]), wall_time=series.wall_time[kept])

    def vector(series: VectorSeries) -> VectorSeries:
        kept = cut(len(series))
        rows = tuple(change(np.asarray(series.value[i], dtype=np.float64)) for i in kept)
        return replace(series, step=series.step[kept], value=rows)

    with np.errstate(all="ignore"):
        scalars = {tag: scalar(series) for tag, series in run.scalars.items()}
        vectors = {tag: vector(series) for tag, series in run.vectors.items()}
    return replace(run, scalars=scalars, vectors=vectors)


def unbroken(rule: Rule, run: Run) -> None:
    outcome = judge(rule, run)
    assert not (isinstance(outcome, Skipped) and outcome.why is Why.BROKEN), outcome.reason  # type: ignore[union-attr]


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ["healthy", "diverging"])
def test_no_rule_breaks_on_any_series(name: str, change: str, cut: str) -> None:
    run = changed(sample(name), CHANGES[change], CUTS[cut])
    for rule in all_rules():
        unbroken(rule, run)
    assert diagnose(run).verdict in {"critical", "warning", "info", "healthy", "unknown"}


@pytest.mark.parametrize("name", ["healthy", "vanishing"])
def test_a_run_of_absurd_length(name: str) -> None:
    def repeated(n: int) -> NDArray[np.int64]:
        return np.resize(np.arange(n), LONG) if n else np.arange(0)

    run = sample(name)
    scalars = {
        tag: replace(
            s,
            step=np.arange(LONG, dtype=np.int64),
            value=s.value[repeated(len(s))],
            wall_time=s.wall_time[repeated(len(s))],
        )
        for tag, s in run.scalars.items()
        if len(s)
    }
    for rule in all_rules():
        unbroken(rule, replace(run, scalars=scalars))


def test_a_missing_measure_or_manifest_breaks_no_rule() -> None:
    run = sample("healthy")
    for measure in run.measures:
        without = replace(run, scalars={t: s for t, s in run.scalars.items() if t.measure != measure})
        for rule in all_rules():
            unbroken(rule, without)
    for rule in all_rules():
        unbroken(rule, replace(run, manifest=None))
