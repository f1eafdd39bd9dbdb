"""All scalars of one layer, in groups of small curves."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from present.samples import run_of, series, vanishing

from torchvitals.core.run import Run
from torchvitals.present.figures.layer_signals import layer_signals, signal_groups

SUBJECTS = ["fc1", "fc1.weight", "fc1.bias"]


def _run() -> Run:
    return run_of(
        series("activation_std/fc1", [1.0, 1.1]),
        series("grad_norm/fc1.weight", [1e-3, 1e2]),
        series("grad_norm/fc1.bias", [0.5, np.nan]),
        series("weight_norm/fc1.weight", [2.0, 3.0]),
        series("update_ratio/fc1.weight", [0.0, 0.0]),
        series("nonfinite_weights/fc1.weight", [0.0, 0.0]),
        series("homemade/fc1", [1.0, 2.0]),
        series("grad_norm/fc10.weight", [9.0, 9.0]),
        series("loss/train", [1.0, 2.0]),
    )


def test_scalars_are_grouped_by_what_they_speak_of_and_no_other_layer_is_among_them() -> None:
    groups = {g.title: {m: list(lines) for m, lines in g.lines.items()} for g in signal_groups(_run(), "fc1", SUBJECTS)}
    assert groups == {
        "Output": {"activation_std": ["output"]},
        "Gradient": {"grad_norm": ["weight", "bias"]},
        "Weights": {"weight_norm": ["weight"]},
        "Update": {"update_ratio": ["weight"]},
        "Other": {"homemade": ["output"]},
    }


def test_a_count_of_bad_values_is_shown_when_there_are_any() -> None:
    run = run_of(series("nonfinite_weights/fc1.weight", [0.0, 4.0]))
    assert [list(g.lines) for g in signal_groups(run, "fc1", SUBJECTS)] == [["nonfinite_weights"]]


def test_a_panel_holds_the_values_and_marks_what_is_not_finite() -> None:
    gradient = next(g for g in signal_groups(_run(), "fc1", SUBJECTS) if g.title == "Gradient")
    figure = layer_signals(gradient)
    weight, bias, crosses = figure.data
    assert (list(weight.y), weight.name) == ([1e-3, 1e2], "weight")
    assert bias.y[0] == 0.5
    assert np.isnan(bias.y[1])
    assert list(crosses.x) == [10]
    assert figure.layout.yaxis.type == "log"


def test_a_part_of_the_layer_has_one_colour_in_all_groups() -> None:
    colours = {}
    for group in signal_groups(_run(), "fc1", SUBJECTS):
        for trace in layer_signals(group).data:
            if trace.mode.startswith("lines"):
                colours.setdefault(trace.name, set()).add(trace.line.color)
    assert {name: len(c) for name, c in colours.items()} == {"output": 1, "weight": 1, "bias": 1}


def test_findings_are_marked_where_they_began_and_only_inside_the_steps_shown() -> None:
    group = signal_groups(_run(), "fc1", SUBJECTS)[0]
    inside, outside = replace(vanishing(), first_step=5), replace(vanishing(), first_step=900)
    assert [s.x0 for s in layer_signals(group, findings=[inside, outside]).layout.shapes] == [5]


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 0.0, 1e300])
def test_one_step_of_anything_can_be_drawn(value: float) -> None:
    (group,) = signal_groups(run_of(series("weight_norm/a", [value])), "a", ["a"])
    assert layer_signals(group, findings=[vanishing()]).to_json()


def test_a_layer_of_many_measures_and_parts_stays_readable() -> None:
    parts = [f"a.part{i}" for i in range(30)]
    run = run_of(*(series(f"weight_{m}/{p}", [1.0, 2.0]) for m in range(7) for p in parts))
    (group,) = signal_groups(run, "a", parts)
    figure = layer_signals(group)
    assert len(figure.layout.annotations) == 7
    assert len([t for t in figure.data if t.showlegend]) == 10


def test_names_are_no_markup() -> None:
    name = "<img src=x onerror=alert(1)>"
    (group,) = signal_groups(run_of(series(f"weight_norm/a.{name}", [1.0])), "a", [f"a.{name}"])
    assert "<img" not in json.dumps(json.loads(layer_signals(group).to_json()))
