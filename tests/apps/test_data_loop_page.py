"""What goes into the network, what is asked of it, how the loop treats it, and what was not seen."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from apps.values import STEPS, Open, figures, manifest, series, texts
from hand_made import run_of

from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.finding import Clean, Finding, Severity, Skipped, Why
from torchvitals.core.manifest import Manifest, Unseen
from torchvitals.core.run import Run

SAMPLES = Path(__file__).parents[2] / "sample_runs"
JUDGED = Diagnosis(
    run="a",
    verdict="warning",
    findings=(Finding(symptom="class-imbalance", code="X", severity=Severity.WARNING, summary="One class has most."),),
    clean=(Clean(rule="input-not-normalized", reason="mean 0"), Clean(rule="vanishing-gradient", reason="elsewhere")),
    skipped=(Skipped(rule="batch-size", reason="no noise scale", why=Why.NOT_MEASURED),),
)


def _open(dashboard: Open, run: Run, diagnosis: Diagnosis = JUDGED):
    app = dashboard((run, diagnosis), page="data_loop")
    assert not app.exception
    assert "could not be drawn" not in texts(app)
    return app


def _full() -> Run:
    ones = [1.0] * 100
    return run_of(
        {
            f"input_{part}/model": values
            for part, values in zip(("mean", "std", "min", "max"), ([0.0] * 100, ones, [-2.0] * 100, ones), strict=True)
        }
        | {"batch_size/model": [32.0] * 100, "nonfinite_inputs/model": [0.0] * 100}
        | {"step_time_s/loop": [0.1] * 100, "recorder_cost_s/loop": [0.02] * 100, "sampling_interval/loop": [10.0] * 100},
        vectors={
            "target_class_count/train": [[24.0, 8.0]] * 100,
            "predicted_class_count/train": [[32.0, 0.0]] * 100,
            **{f"input_feature_{part}/model": [[0.0, 1.0]] * 100 for part in ("mean", "std", "min", "max")},
        },
        manifest=Manifest(input_shape=(32, 2), unseen=(Unseen(subject="activations", reason="compiled as a whole"),)),
    )


def test_what_was_recorded_is_drawn_and_what_was_not_is_named(dashboard: Open) -> None:
    app = _open(dashboard, _full())
    titles = [m.value.removeprefix("##### ") for m in app.markdown if m.value.startswith("#####")]
    assert titles == [
        "Values of the input",
        "Features of the input",
        "Classes, asked and answered",
        "Batch size",
        "Time of a step, and what recording adds",
        "Sampling interval",
    ]
    assert len(figures(app)) == len(titles)
    assert "Zero at every look: non-finite inputs." in texts(app)
    assert "Loss scale: " in texts(app)
    shares = {t["name"]: t["y"] for t in json.loads(figures(app)[2])["data"]}
    assert shares["targets"] == [0.75, 0.25]
    assert shares["predictions, last fifth of the run"] == [1.0, 0.0]


def test_facts_are_numbers_of_the_run(dashboard: Open) -> None:
    said = texts(_open(dashboard, _full())).splitlines()
    assert said[said.index("largest class over smallest") - 1] == "3"
    assert said[said.index("input") - 1] == "32 × 2"
    assert said[said.index("recording, of the training time") - 1] == "2 %"  # 0.02 s in every ten steps of 0.1 s
    assert said[said.index("label dispersion χ²/(C − 1); shuffled: about 1") - 1] == "0"  # every batch alike


def test_the_rules_of_the_data_speak_first_and_only_they(dashboard: Open) -> None:
    table = _open(dashboard, _full()).dataframe[0].value
    assert list(table["Symptom"]) == ["class-imbalance", "batch-size", "input-not-normalized"]
    assert list(table["State"]) == ["▲  warning", "?  not measured", "✔  clear"]


def test_what_was_not_seen_is_listed_with_its_reason(dashboard: Open) -> None:
    assert list(_open(dashboard, _full()).dataframe[1].value["Why"]) == ["compiled as a whole"]


def test_a_foreign_log_names_the_call(dashboard: Open) -> None:
    run = Run(name="a", scalars=series("loss", np.ones(100)))
    app = _open(dashboard, run)
    assert "Neither data nor loop were measured in this run" in texts(app)
    assert any("vitals.step(loss, inputs=inputs" in c.value for c in app.code)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_data_that_is_nothing_but_nan_is_shown(dashboard: Open, value: float) -> None:
    scalars = series("batch_size/model", np.full(100, value))
    for part in ("mean", "std", "min", "max"):
        scalars |= series(f"input_{part}/model", np.full(100, value), STEPS)
    app = _open(dashboard, Run(name="a", manifest=manifest(), scalars=scalars))
    assert all("not finite" in spec for spec in figures(app))


def test_sample_runs(opened_at: Open) -> None:
    app = opened_at(SAMPLES, query={"run": "healthy"})
    app.switch_page("views/data_loop.py").run()
    assert not app.exception
    assert len(figures(app)) >= 8
    assert "data-not-shuffled" in list(app.dataframe[0].value["Symptom"])
    assert "The recorder has seen all it looked for." in texts(app)


def test_every_rule_that_a_page_names_exists() -> None:
    from components import data_signals, recurrence

    from torchvitals.diagnosis.engine import all_rules

    known = {rule.name() for rule in all_rules()}
    assert {*data_signals.RULES, *recurrence.RECURRENT_RULES, *recurrence.ATTENTION_RULES} <= known
