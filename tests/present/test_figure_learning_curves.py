"""Learning curves: what is drawn, where, and what is marked because it cannot be drawn."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest
from present.samples import HOSTILE, healthy_run, non_finite, run_of, series, vanishing, vanishing_run

from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.core.tag import Tag
from torchvitals.present.axes import value_axis
from torchvitals.present.figures.learning_curves import learning_curves
from torchvitals.present.panels import panels
from torchvitals.present.smooth import smoothed
from torchvitals.present.text import chart_text
from torchvitals.present.timeline import Timeline


def _line(figure: go.Figure, name: str, nth: int = 0) -> go.Scatter:
    return [t for t in figure.data if t.name == name and t.mode.startswith("lines")][nth]


def _timed(tag: str, values: list[float], seconds: list[float], steps: list[int] | None = None) -> Series:
    return replace(series(tag, values, steps), wall_time=1e9 + np.array(seconds))


def test_each_quantity_has_a_panel_in_order_and_an_absent_one_has_none() -> None:
    run = run_of(
        *(series(tag, [1.0, 0.5]) for tag in ("learning_rate/group0", "loss/val", "loss/train", "accuracy/val")),
        series("global_grad_norm/model", [1.0, 2.0]),
    )
    assert [(p.title, list(p.lines)) for p in panels(run)] == [
        ("Loss", ["train", "val"]),
        ("Accuracy", ["val"]),
        ("Gradient norm", ["model"]),
        ("Learning rate", ["group0"]),
    ]
    assert [p.title for p in panels(run_of(series("loss/train", [1.0])))] == ["Loss"]


def test_the_curves_hold_the_recorded_values_at_their_steps() -> None:
    run = healthy_run()
    loss = run.scalar("loss", "train")
    drawn = _line(learning_curves(run), "train")
    np.testing.assert_array_equal(drawn.x, loss.step)
    np.testing.assert_array_equal(drawn.y, loss.value)


def test_parameter_groups_that_agree_are_one_line() -> None:
    same = [series(f"learning_rate/group{i}", [0.1, 0.2]) for i in range(3)]
    other = series("learning_rate/group3", [0.1, 0.3])
    (panel,) = panels(run_of(*same, other))
    assert list(panel.lines) == ["group0", "group3"]


def test_smoothing_keeps_the_raw_values_behind() -> None:
    run = healthy_run()
    raw = run.scalar("loss", "train").value
    figure = learning_curves(run, smoothing=0.9)
    np.testing.assert_array_equal(_line(figure, "train").y, raw)
    expected, mean = [], 0.0
    for i, value in enumerate(raw, start=1):
        mean = 0.9 * mean + 0.1 * value
        expected.append(mean / (1 - 0.9**i))
    np.testing.assert_allclose(_line(figure, "train", 1).y, expected)


def test_a_smoothed_curve_keeps_its_gaps_and_does_not_sink_in_them() -> None:
    value = smoothed(series("loss/train", [2.0, np.nan, np.inf, 2.0]), 0.97).value
    np.testing.assert_allclose(value, [2.0, np.nan, np.inf, 2.0])


def test_the_loss_axis_obeys_the_switch() -> None:
    run = run_of(series("loss/train", [1.0, 0.5, 0.25]))
    assert [learning_curves(run, scale=s).layout.yaxis.type for s in ("auto", "linear", "log")] == ["linear", "linear", "log"]
    assert value_axis([np.array([1e-9, 1.0])]).log
    assert not value_axis([np.array([-1.0, 1e9])]).log


def test_steps_without_a_place_on_the_axis_are_marked_and_told_apart() -> None:
    figure = learning_curves(run_of(series("loss/train", [1.0, 0.0, np.nan, 1e-5, -np.inf])))
    marks = {t.name: list(t.x) for t in figure.data if t.mode == "markers"}
    assert marks == {"not finite, from step 20": [20, 40], "zero or below, from step 10": [10]}
    low, high = figure.layout.yaxis.range
    assert all(low < np.log10(y) < high for t in figure.data if t.mode == "markers" for y in t.y)


def test_a_single_finite_loss_is_a_point_and_not_an_invisible_line() -> None:
    loss = _line(learning_curves(run_of(series("loss/train", [2.3] + [np.nan] * 60))), "train")
    assert "markers" in loss.mode
    assert loss.y[0] == 2.3


def test_findings_get_a_lane_from_first_step_to_last_and_a_line_through_every_panel() -> None:
    child = replace(vanishing(), symptom="loss-plateau", caused_by="vanishing-gradient")
    late = replace(non_finite(), first_step=700, last_step=700)
    figure = learning_curves(vanishing_run(), findings=[vanishing(), child, late])
    bars = [t for t in figure.data if isinstance(t, go.Bar)]
    assert [(b.name, b.base[0], b.x[0]) for b in bars[:1]] == [("vanishing-gradient", 20, 1170)]
    assert bars[1].base[0] == 700
    assert bars[1].x[0] > 0  # a single step has a bar, too
    onsets = [s for s in figure.layout.shapes if s.line.dash == "dot"]
    assert {s.x0 for s in onsets} == {20, 700}
    assert len(onsets) == 2 * len(list(figure.select_yaxes()))


def test_what_guessing_reaches_is_a_line_inside_the_axis() -> None:
    figure = learning_curves(run_of(series("loss/train", [1.0, 0.9])), trivial=2.3)
    assert [s.y0 for s in figure.layout.shapes] == [2.3]
    assert figure.layout.yaxis.range[1] > 2.3
    assert "best constant prediction 2.3" in [t.name for t in figure.data]


def test_a_baseline_is_dashed_in_the_same_colour_and_only_where_this_run_has_a_panel() -> None:
    base = run_of(series("loss/train", [3.0, 2.0]), series("learning_rate/group0", [1.0, 1.0]), name="before")
    figure = learning_curves(run_of(series("loss/train", [3.0, 1.0])), baseline=base)
    ours, theirs = _line(figure, "train"), _line(figure, "train · before")
    assert list(theirs.y) == [3.0, 2.0]
    assert theirs.line.dash == "dot"
    assert theirs.line.color == "rgba(0,114,178,0.7)"
    assert ours.line.color == "#0072B2"
    assert len(figure.data) == 2


def test_a_split_has_one_colour_in_every_panel() -> None:
    run = run_of(series("loss/train", [1.0]), series("loss/val", [1.0]), series("accuracy/val", [0.5]))
    assert _line(learning_curves(run), "val").line.color == _line(learning_curves(run), "val", 1).line.color


def test_time_is_that_since_the_first_record_in_a_unit_people_read() -> None:
    run = run_of(_timed("loss/train", [1.0, 0.8, 0.5], [0.0, 600.0, 1200.0]))
    figure = learning_curves(run, clock="time", findings=[replace(vanishing(), first_step=5, last_step=10)])
    assert list(_line(figure, "train").x) == [0.0, 10.0, 20.0]
    bar = next(t for t in figure.data if isinstance(t, go.Bar))
    assert (bar.base[0], bar.x[0]) == (5.0, 5.0)  # half way to step 10, in minutes
    *_, last = figure.select_xaxes()
    assert last.title.text == "minutes since the first record"


@pytest.mark.parametrize("seconds", [[0.0, 0.0], [np.nan, np.nan]])
def test_a_log_whose_clock_stands_still_falls_back_to_steps(seconds: list[float]) -> None:
    assert Timeline.of(run_of(_timed("loss/train", [1.0, 2.0], seconds)), "time").title == "step"


def test_a_range_of_steps_can_be_asked_for() -> None:
    figure = learning_curves(vanishing_run(), between=(100, 400))
    low, high = figure.layout.xaxis.range
    assert 90 < low < 100 < 400 < high < 410


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -5.0, 1e-300, 1e300])
@pytest.mark.parametrize("scale", ["auto", "linear", "log"])
def test_one_step_of_anything_can_be_drawn(value: float, scale: str) -> None:
    figure = learning_curves(run_of(series("loss/train", [value])), scale=scale, findings=[vanishing()], smoothing=0.9)
    assert figure.data
    assert np.isfinite(figure.layout.yaxis.range).all()
    assert figure.to_json()


def test_a_long_run_is_thinned() -> None:
    figure = learning_curves(run_of(series("loss/train", np.random.default_rng(0).uniform(size=50_000))))
    assert len(_line(figure, "train").x) <= 2000


def test_an_empty_run_says_so() -> None:
    assert "learning curve" in learning_curves(Run(name="e")).layout.annotations[0].text


def test_a_foreign_log_has_its_losses_and_metrics() -> None:
    run = run_of(series("total_loss", [1.0, 0.5]), series("val/f1", [0.1, 0.2]), series("gpu/heat", [60.0, 61.0]))
    assert {p.title: list(p.lines) for p in panels(run)} == {"Loss": ["total_loss"], "Val/f1": ["val/f1"]}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_markup_reaches_the_chart(name: str) -> None:
    base = run_of(series("loss/train", [1.0, 2.0]), name=name)
    key = Tag(measure="learning_rate", subject=name)
    run = Run(name=name, scalars=base.scalars | {key: replace(series("x/y", [1.0, np.nan]), tag=key)})
    figure = learning_curves(run, baseline=base, findings=[replace(vanishing(), symptom=name)])
    text = json.dumps(json.loads(figure.to_json()), ensure_ascii=False)
    assert json.dumps(chart_text(name, 12)[:4], ensure_ascii=False)[1:-1] in text
    assert "<" not in re.sub("<br>|</?extra>", "", text)
