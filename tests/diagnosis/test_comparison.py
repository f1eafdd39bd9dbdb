from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hand_made import run_of

from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.finding import Clean, Finding, Severity, Skipped, Why
from torchvitals.core.manifest import Manifest, MeasureInfo, ParameterInfo
from torchvitals.core.series import Series
from torchvitals.core.tag import Tag
from torchvitals.diagnosis.comparison import KeyNumber, changes, compare, end, key_numbers

DEAD = Finding(symptom="dead-relu", code="X", severity=Severity.WARNING, summary="")
SPIKE = Finding(symptom="loss-spike", code="Y", severity=Severity.CRITICAL, summary="")
LOOKED = tuple(Clean(rule=f.symptom, reason="fine") for f in (DEAD, SPIKE))


def of(*findings: Finding, clean: tuple[Clean, ...] = LOOKED, skipped: tuple[Skipped, ...] = ()) -> Diagnosis:
    named = {f.symptom for f in findings}
    return Diagnosis(
        run="a", verdict="warning", findings=findings, clean=tuple(c for c in clean if c.rule not in named), skipped=skipped
    )


def states(before: Diagnosis, after: Diagnosis) -> dict[str, str]:
    return {c.symptom: c.state for c in changes(before, after)}


def test_new_fixed_and_same() -> None:
    assert states(of(DEAD), of(SPIKE)) == {"loss-spike": "new", "dead-relu": "fixed"}
    assert states(of(DEAD), of(DEAD)) == {"dead-relu": "same"}
    assert states(of(), of()) == {}


def test_what_could_not_be_judged_again_is_not_fixed() -> None:
    blind = Skipped(rule="dead-relu", reason="no firing_rate", why=Why.NOT_MEASURED)
    (change,) = changes(of(DEAD), of(clean=(), skipped=(blind,)))
    assert (change.state, change.reason) == ("no longer judged", "not measured: no firing_rate")
    assert states(of(DEAD), of(clean=())) == {"dead-relu": "no longer judged"}


def test_a_new_finding_says_when_the_other_run_was_not_judged() -> None:
    early = Skipped(rule="loss-spike", reason="10 steps", why=Why.TOO_EARLY)
    (change,) = changes(of(clean=(), skipped=(early,)), of(SPIKE))
    assert (change.state, change.reason) == ("new", "too early: 10 steps")


def test_what_another_cause_explains_now_is_there_all_the_same() -> None:
    child = replace(DEAD, caused_by="loss-spike")
    assert states(of(DEAD), of(SPIKE, child)) == {"loss-spike": "new", "dead-relu": "same"}
    assert states(of(SPIKE, child), of(SPIKE, child)) == {"loss-spike": "same"}  # only roots are listed


def test_the_worst_of_the_new_ones_comes_first() -> None:
    assert [c.symptom for c in changes(of(), of(DEAD, SPIKE))] == ["loss-spike", "dead-relu"]


def test_numbers_are_ends_lows_and_medians() -> None:
    rng = np.random.default_rng(0)
    loss, norm = np.linspace(2, 1, 100) + rng.normal(0, 0.01, 100), rng.uniform(1, 2, 100)
    val = np.concatenate([np.linspace(2, 1, 50), np.linspace(1, 1.5, 50)])
    run = run_of(
        {
            "loss/train": loss,
            "loss/val": val,
            "accuracy/val": np.linspace(0, 0.9, 100),
            "global_grad_norm/model": norm,
            "update_ratio/a": [1e-3] * 100,
            "update_ratio/b": [1e-2] * 100,
            "update_ratio/c": [1.0] * 100,
            "target_entropy/train": [2.3] * 100,
        },
        manifest=Manifest(
            parameters=(ParameterInfo(name="a.weight", module="a", shape=(3, 4)),),
            measures=(MeasureInfo(name="target_entropy", unit="nats", meaning=""),),
        ),
    )
    numbers = {n.name: n.after for n in key_numbers(run_of({}), run)}
    assert set(numbers) == {
        "loss/train at the end",
        "loss/val at the end",
        "loss/val at its lowest",
        "accuracy/val at the end",
        "global_grad_norm, median",
        "update_ratio, median layer",
        "last step",
        "parameters",
    }
    assert numbers["loss/train at the end"] == np.median(loss[90:])
    assert numbers["loss/val at its lowest"] == val.min()
    assert numbers["global_grad_norm, median"] == np.median(norm)
    assert numbers["update_ratio, median layer"] == 1e-2
    assert (numbers["last step"], numbers["parameters"]) == (99, 12)


def series(*values: float) -> Series:
    return Series(tag=Tag.parse("loss/train"), step=np.arange(len(values)), value=np.array(values))


def test_a_single_nan_is_no_end_and_a_collapse_is_one() -> None:
    assert end(series(*[1.0] * 93, math.nan, *[2.0] * 6)) == 2.0
    assert math.isnan(end(series(*[1.0] * 90, *[math.nan] * 10)))
    assert end(series(math.inf)) == math.inf


@pytest.mark.parametrize(
    ("better", "before", "after", "moved"),
    [
        ("lower", 1.0, 0.5, "better"),
        ("lower", 0.5, 1.0, "worse"),
        ("higher", 0.5, 0.9, "better"),
        ("higher", 0.9, 0.5, "worse"),
        ("lower", 1.0, 0.995, ""),
        ("", 1.0, 9.0, ""),
        ("lower", None, 1.0, ""),
        ("lower", 1.0, math.nan, "worse"),
        ("lower", math.inf, 1.0, "better"),
        ("lower", math.nan, math.nan, ""),
    ],
)
def test_better_and_worse(better: str, before: float | None, after: float | None, moved: str) -> None:
    assert KeyNumber(name="n", unit="", better=better, before=before, after=after).moved == moved  # type: ignore[arg-type]


def test_only_a_sound_run_is_a_measure_for_another() -> None:
    good, bad = run_of({"global_grad_norm/model": [1.0] * 50}), run_of({"global_grad_norm/model": [99.0] * 50})
    well, ill = Diagnosis(run="a", verdict="healthy"), Diagnosis(run="a", verdict="critical")
    assert [f.evidence[0].tag for f in compare((good, well), (bad, well)).departures] == ["global_grad_norm/model"]
    assert compare((good, ill), (bad, well)).departures == ()
