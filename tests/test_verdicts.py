"""The calibration benchmark: a small part of it for real, and its arithmetic by hand."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from scipy.stats import binomtest
from training import one_thread

import torchvitals
from torchvitals.core.finding import Severity
from torchvitals.diagnosis.engine import all_rules

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module", autouse=True)
def _benchmarks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        yield


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """A dozen programs, trained and recorded as the benchmark does."""
    from verdicts_record import record, recordings
    from verdicts_set import QUICK, programs

    chosen = [p for p in programs("first") if p.key in QUICK]
    assert len(chosen) == len(QUICK)
    several = recordings(chosen, [0], tmp_path_factory.mktemp("verdicts"))
    with one_thread():
        for job in several:
            record(job)
    return several


@pytest.fixture(scope="module")
def judged(jobs: list[Any]) -> list[Any]:
    from verdicts_judge import judge_all

    return judge_all(jobs, Severity.WARNING, processes=1)


def test_no_healthy_training_is_accused(judged: list[Any]) -> None:
    healthy = [run for run in judged if run.program.healthy]
    assert len(healthy) == 6
    assert all(run.learned for run in healthy)
    assert {run.program.key: [s.symptoms for s in run.alarms] for run in healthy if run.alarms} == {}


def test_planted_faults_are_found(judged: list[Any]) -> None:
    rules = {rule.name() for rule in all_rules()}
    sick = [run for run in judged if run.program.symptoms[:1] and run.program.symptoms[0] in rules]
    found = [run for run in sick if run.true]
    assert len(sick) >= 5
    assert len(found) >= len(sick) - 1, {run.program.key: [s.symptoms for s in run.said] for run in sick}
    assert all(run.reported_at is not None and run.located is not False for run in found)


def test_what_is_recorded_is_not_trained_again(jobs: list[Any]) -> None:
    from verdicts_record import record_all

    before = {job.folder: job.folder.stat().st_mtime_ns for job in jobs}
    assert record_all(jobs, processes=2) == []
    assert {job.folder: job.folder.stat().st_mtime_ns for job in jobs} == before
    assert not [p for job in jobs for p in job.folder.parent.glob("*.part*")]


def test_a_recording_that_was_cut_short_does_not_count(tmp_path: Path) -> None:
    from verdicts_record import recordings
    from verdicts_set import programs

    (job,) = recordings(programs("first")[:1], [0], tmp_path)
    job.folder.mkdir(parents=True)
    (job.folder / "events.out.tfevents.0").write_bytes(b"")
    assert not job.done


def test_a_running_training_is_judged_by_its_past_alone(jobs: list[Any]) -> None:
    from verdicts_judge import until

    run = torchvitals.read(jobs[0].folder)
    cut = until(run, 20)
    assert cut.steps[-1] == 19
    blobs = [*cut.vectors.values(), *cut.histograms.values()]
    assert blobs
    assert all(len(b.step) and b.step[-1] < 20 and len(b.value) == len(b.step) for b in blobs)
    assert run.steps[-1] > 200


def test_the_first_set_is_as_wide_as_it_claims_to_be() -> None:
    from verdicts_set import programs

    first = programs("first")
    kinds = Counter(p.symptoms[0] for p in first if not p.healthy)
    assert sum(p.healthy for p in first) >= 24
    assert len(kinds) >= 30
    assert {kind: n for kind, n in kinds.items() if n < 2} == {}


def test_the_two_sets_share_no_program() -> None:
    from verdicts_set import programs

    first, second = programs("first"), programs("second")
    keys = [p.key for p in (*first, *second)]
    assert sorted(set(keys)) == sorted(keys)
    assert {p.set for p in first} == {"first"}
    assert {p.set for p in second} == {"second"}


@pytest.mark.parametrize("which", ["first", "second"])
@pytest.mark.filterwarnings("ignore")  # PyTorch warns of some of the planted faults
def test_every_program_trains(which: str) -> None:
    from verdicts_set import programs

    with one_thread():
        for program in programs(which):
            torch.manual_seed(0)
            training = program.build()
            losses = [training.step(number) for number in range(2)]
            assert all(loss.numel() == 1 and not loss.requires_grad for loss in losses), program.key
            modules = dict(training.model.named_modules())
            assert all(name in modules for name in program.modules), program.key


@pytest.mark.parametrize(("hits", "of"), [(0, 1), (0, 51), (3, 10), (50, 51), (51, 51), (7, 1000)])
def test_intervals_are_those_of_wilson(hits: int, of: int) -> None:
    from verdicts_score import Rate

    expected = binomtest(hits, of).proportion_ci(confidence_level=0.95, method="wilson")
    assert Rate(hits=hits, of=of).interval == pytest.approx((expected.low, expected.high), abs=1e-12)


def hand_made() -> list[Any]:
    """A healthy run that is accused, one that is not, and four runs with a fault."""
    from verdicts_judge import Judged, Said
    from verdicts_program import Program

    def never() -> Any:
        raise AssertionError

    def program(name: str, *symptoms: str) -> Program:
        return Program(name=name, build=never, symptoms=symptoms, modules=("fc2",) if symptoms[:1] == ("dead-relu",) else ())

    def said(symptom: str, *modules: str, root: bool = True) -> Said:
        return Said(symptoms=(symptom,), modules=modules, root=root)

    spike, dead = said("loss-spike"), said("dead-relu", "fc2.weight")
    return [
        Judged(program=program("calm"), seed=0, said=(replace(dead, loud=False),)),
        Judged(program=program("accused"), seed=0, said=(spike, said("dead-relu", "fc1", root=False))),
        Judged(program=program("found", "dead-relu"), seed=0, said=(dead,), reported_at=10),
        Judged(program=program("second", "dead-relu"), seed=0, said=(spike, said("dead-relu", "fc20")), reported_at=40),
        Judged(program=program("missed", "dead-relu"), seed=0, said=()),
        Judged(
            program=program("akin", "zero-init", "symmetric-units"),
            seed=0,
            said=(replace(said("symmetric-units"), loud=False),),
            reported_at=20,
        ),
    ]


def test_rates_are_counted_as_the_page_says() -> None:
    from verdicts_score import Rate, of_rule, overall

    found = overall(hand_made())
    assert found.false_alarms == Rate(hits=1, of=2)
    assert found.recall == Rate(hits=3, of=4)
    assert found.loud == Rate(hits=2, of=4)
    assert found.remarks == Rate(hits=1, of=2)
    assert found.named == Rate(hits=2, of=4)
    assert found.first == Rate(hits=2, of=4)
    assert found.located == Rate(hits=1, of=2)
    assert (found.findings, found.findings_at_most, found.steps) == (0.75, 2, 20)
    dead, spike = of_rule("dead-relu", hand_made()), of_rule("loss-spike", hand_made())
    assert (dead.false_alarms.hits, dead.recall, dead.first.hits) == (0, Rate(hits=2, of=3), 1)
    assert (spike.false_alarms, spike.astray) == (Rate(hits=1, of=2), Rate(hits=1, of=4))
    assert math.isnan(spike.steps)


def test_the_page_names_every_mistake() -> None:
    from verdicts_page import Tool, page

    text = page(
        [Tool(name="torchvitals", runs=hand_made())],
        date="2026-01-01",
        level="warning",
        rules=["dead-relu"],
        failures=["x-0: y"],
    )
    for line in (
        "2 healthy programs and 4 with 2 kinds of fault, 1 seed each: 6 runs.",
        "- accused: loss-spike (1)",
        "- dead-relu--second: loss-spike (1)",
        "- dead-relu--missed: nothing (1)",
        "- x-0: y",
    ):
        assert line in text.splitlines()
    table = itertools.takewhile(lambda line: line.startswith("|"), text.partition("| symptom")[2].splitlines()[2:])
    assert [line.split("|")[1].strip() for line in table] == ["`dead-relu`", "`zero-init` (no rule)"]


def test_words_of_rivals_mean_symptoms_that_are_planted() -> None:
    from verdicts_rivals import TORCHMORTEM, TRAINTOOLS, _translated
    from verdicts_set import programs

    planted = {symptom for p in programs("first") for symptom in p.symptoms}
    assert {s for words in (TORCHMORTEM, TRAINTOOLS) for several in words.values() for s in several} <= planted
    assert _translated("fc.weight update/weight ratio is high").modules == ("fc.weight",)
    assert _translated("something new").symptoms == ("unknown",)
