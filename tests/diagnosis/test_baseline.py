"""Bands learned from good runs: a healthy run of another seed is silent, a departure names measure, layer and factor."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hand_made import run_of
from training import record

import torchvitals
from torchvitals.core.finding import Severity
from torchvitals.core.manifest import Manifest, ParameterInfo
from torchvitals.core.run import Run
from torchvitals.core.tag import Tag
from torchvitals.diagnosis.baseline import MARGIN, SYMPTOM, bands, departures
from torchvitals.diagnosis.engine import diagnose
from torchvitals.diagnosis.rule import Case

UPDATES = "update_ratio/layer3.weight"
PROGRAM = """
    model = mlp(depth=2, activation=nn.{activation})
    optimizer = torch.optim.{optimizer}
    batches = digits(150)
"""


def trained(
    folder: Path, *, seed: int = 0, activation: str = "ReLU", optimizer: str = "Adam(model.parameters(), lr=1e-3)"
) -> Run:
    program = PROGRAM.format(activation=activation, optimizer=optimizer)
    return record(Case(name="x", program=program), folder / f"{activation}-{seed}-{len(optimizer)}", seed=seed)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(tmp_path_factory.mktemp("good"))


def steady(value: float, *, tag: str = UPDATES, steps: int = 120) -> Run:
    """Wobbles by a tenth around a value."""
    return run_of({tag: [value * 1.1 ** (-1) ** i for i in range(steps)]})


def test_a_range_is_the_inner_eighty_per_cent_of_the_logarithms_and_a_margin() -> None:
    values = np.exp(np.random.default_rng(0).normal(-7, 0.1, size=30))
    (band,) = [b for b in bands([run_of({UPDATES: [1.0] * 70 + list(values)})])[Tag.parse(UPDATES)] if b.first_step == 30]
    inside = np.sort(np.log([1.0] * 40 + list(values)))
    low, high = np.interp([0.1, 0.9], np.linspace(0, 1, len(inside)), inside)
    margin = max(math.log(2), high - low)
    assert (band.low, band.high) == pytest.approx((math.exp(low - margin), math.exp(high + margin)))


@pytest.mark.parametrize(("times", "severity"), [(8.0, Severity.WARNING), (3.0, Severity.INFO), (1 / 8, Severity.WARNING)])
def test_a_departure_names_measure_layer_and_factor(times: float, severity: Severity) -> None:
    edge = 1e-3 * 1.1 * math.exp(max(MARGIN, 2 * math.log(1.1)))  # of the range of a run that wobbles by a tenth
    low = 1e-3 / 1.1 / math.exp(max(MARGIN, 2 * math.log(1.1)))
    run = run_of({UPDATES: [(edge if times > 1 else low) * times] * 120})
    (finding,) = departures(run, bands([steady(1e-3)]))
    assert (finding.symptom, finding.code, finding.severity) == (SYMPTOM, "TV0001", severity)
    assert finding.module == "layer3.weight"
    assert f"{max(times, 1 / times):.2g} times {'above' if times > 1 else 'below'}" in finding.summary
    (evidence,) = finding.evidence
    assert (evidence.tag, evidence.low, evidence.high) == (UPDATES, pytest.approx(low), pytest.approx(edge))


def test_one_finding_a_measure_with_the_worst_layers_first() -> None:
    tags = [f"grad_norm/{i}.weight" for i in range(6)]
    healthy = run_of({tag: [1.0] * 50 for tag in tags})
    ill = run_of({tag: [10.0 * (i + 1)] * 50 for i, tag in enumerate(tags)})
    (finding,) = departures(ill, bands([healthy]))
    assert [e.observed for e in finding.evidence] == [60.0, 50.0, 40.0, 30.0]
    assert len(finding.modules) == 6


def test_what_stops_is_a_departure_and_what_never_was_is_none() -> None:
    healthy = run_of({UPDATES: [1e-3] * 50, "grad_norm/0.weight": [0.0] * 50})
    ill = run_of({UPDATES: [0.0] * 50, "grad_norm/0.weight": [1.0] * 50})
    assert [e.tag for f in departures(ill, bands([healthy])) for e in f.evidence] == [UPDATES]


def test_phases_are_compared_by_their_steps() -> None:
    falling = run_of({"loss/train": [10.0] * 10 + [1.0] * 20 + [0.1] * 70})
    assert departures(falling, bands([falling])) == ()
    (finding,) = departures(run_of({"loss/train": [10.0] * 100}), bands([falling]))
    assert (finding.first_step, finding.severity) == (30, Severity.WARNING)


def test_several_good_runs_widen_the_range() -> None:
    assert departures(steady(1e-2), bands([steady(1e-3)])) != ()
    assert departures(steady(1e-2), bands([steady(1e-3), steady(1e-2)])) == ()


def test_biases_are_not_compared() -> None:
    manifest = Manifest(parameters=(ParameterInfo(name="0.bias", module="0", shape=(4,)),))
    runs = [run_of({"grad_norm/0.bias": [size] * 50}, manifest=manifest) for size in (1e-9, 1e-3)]
    assert departures(runs[1], bands(runs[:1])) == ()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_healthy_run_of_another_seed_is_silent(good: Run, tmp_path: Path, seed: int) -> None:
    run = trained(tmp_path, seed=seed)
    assert departures(run, bands([good])) == ()
    assert diagnose(run, baseline=[good]) == diagnose(run)


ILL: Mapping[str, dict[str, str]] = {
    "update_ratio": {"optimizer": "Adam(model.parameters(), lr=3e-5)"},
    "grad_norm": {"optimizer": "SGD(model.parameters(), lr=2e-3)", "activation": "Sigmoid"},
}


@pytest.mark.parametrize("measure", ILL)
def test_an_ill_run_departs(good: Run, tmp_path: Path, measure: str) -> None:
    found = departures(trained(tmp_path, **ILL[measure]), bands([good]))
    assert measure in {e.tag.partition("/")[0] for f in found if f.severity is Severity.WARNING for e in f.evidence}


def test_departures_stand_beside_the_rules_and_count_for_the_verdict() -> None:
    run = steady(1e-1)
    plain, against = diagnose(run), diagnose(run, baseline=[steady(1e-3)])
    assert against.findings[: len(plain.findings)] == plain.findings
    assert [f.symptom for f in against.findings[len(plain.findings) :]] == [SYMPTOM]
    assert (against.clean, against.skipped) == (plain.clean, plain.skipped)
    assert against.verdict == "warning"


def test_the_public_call_takes_paths_and_runs(good: Run, tmp_path: Path) -> None:
    ill = trained(tmp_path, optimizer="Adam(model.parameters(), lr=1e-7)")
    assert SYMPTOM in {f.symptom for f in torchvitals.diagnose(ill, baseline=good.path).findings}
    assert SYMPTOM in {f.symptom for f in torchvitals.diagnose(ill.path, baseline=[good]).findings}


def test_the_command_takes_good_runs(good: Run, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from torchvitals.cli import app

    ill = trained(tmp_path, optimizer="Adam(model.parameters(), lr=1e-7)")
    result = CliRunner().invoke(
        app, ["diagnose", ill.path, "--format", "json", "--baseline", good.path, "--baseline", good.path]
    )
    assert f'"{SYMPTOM}"' in result.stdout
