"""All layers at one step, as bars."""

from __future__ import annotations

import numpy as np
from apps.values import manifest, series, vanishing

from torchvitals.core.manifest import Manifest, ParameterInfo
from torchvitals.core.run import Run
from torchvitals.present.figures.layer_bar import layer_bar

NAMES = ("a.weight", "b.weight", "c.weight", "d.weight")


def _run(measure: str, *rows: list[float], steps: tuple[int, ...] = (0, 10)) -> Run:
    scalars = {}
    for name, row in zip(NAMES, rows, strict=False):
        scalars |= series(f"{measure}/{name}", np.array(row), np.array(steps))
    return Run(name="r", manifest=manifest(NAMES), scalars=scalars)


def test_bars_hold_the_values_at_the_step_or_the_last_one_before_it() -> None:
    run = _run("grad_norm", [1.0, 2.0], [3.0, 4.0])
    assert list(layer_bar(run, "grad_norm", 9).data[0].x) == [1.0, 3.0]
    assert list(layer_bar(run, "grad_norm", 10).data[0].x) == [2.0, 4.0]


def test_the_input_is_on_top() -> None:
    figure = layer_bar(_run("grad_norm", [1, 1], [1, 1], [1, 1]), "grad_norm", 0)
    assert list(figure.layout.yaxis.categoryarray) == list(NAMES[:3])
    assert figure.layout.yaxis.autorange == "reversed"


def test_zero_and_non_finite_have_no_bar_and_are_named() -> None:
    figure = layer_bar(_run("grad_norm", [1e-3, 1], [0.0, 1], [np.nan, 1], [-np.inf, 1]), "grad_norm", 0)
    assert list(figure.data[0].y) == ["a.weight"]
    assert {trace.name: list(trace.y) for trace in figure.data[1:]} == {
        "zero": ["b.weight"],
        "not finite": ["c.weight", "d.weight"],
    }
    assert figure.layout.xaxis.type == "log"


def test_every_value_lies_inside_the_axis() -> None:
    figure = layer_bar(_run("grad_norm", [1e-9, 1], [1e3, 1]), "grad_norm", 0)
    low, high = figure.layout.xaxis.range
    assert low < -9
    assert high > 3


def test_fractions_run_from_nothing_to_all_and_zero_is_a_value() -> None:
    figure = layer_bar(_run("dead_fraction", [0.0, 1], [0.4, 1]), "dead_fraction", 0)
    assert figure.layout.xaxis.type == "linear"
    assert list(figure.layout.xaxis.range) == [0, 1]
    assert list(figure.data[0].x) == [0.0, 0.4]


def test_signed_measures_are_linear() -> None:
    figure = layer_bar(_run("activation_mean", [-2.0, 1], [3.0, 1]), "activation_mean", 0)
    assert figure.layout.xaxis.type == "linear"
    assert figure.layout.xaxis.range[0] < -2
    assert figure.layout.xaxis.range[1] > 3


def test_one_layer_can_be_told_from_the_others() -> None:
    colours = layer_bar(_run("grad_norm", [1, 1], [1, 1]), "grad_norm", 0, layer="b.weight").data[0].marker.color
    assert colours[0] != colours[1]


def test_a_step_before_the_first_says_so() -> None:
    figure = layer_bar(_run("grad_norm", [1, 1]), "grad_norm", -1)
    assert "No layer has grad_norm" in figure.layout.annotations[0].text


def test_biases_stay_out_unless_a_finding_names_them() -> None:
    scalars = _run("grad_norm", [1, 1], [1, 1]).scalars
    shapes = (("a.weight", (4, 4)), ("b.weight", (4,)))
    parameters = tuple(ParameterInfo(name=name, module=name[0], shape=shape) for name, shape in shapes)
    run = Run(name="r", manifest=Manifest(parameters=parameters), scalars=scalars)
    finding = vanishing(run, ("b.weight",) * 8).roots[:1]
    assert list(layer_bar(run, "grad_norm", 0).data[0].y) == ["a.weight"]
    assert list(layer_bar(run, "grad_norm", 0, findings=finding).data[0].y) == ["a.weight", "b.weight"]


def test_a_name_from_the_model_is_no_markup() -> None:
    run = Run(name="r", scalars=series("grad_norm/<a href='x'>y</a>", np.array([1.0]), np.array([0])))
    assert list(layer_bar(run, "grad_norm", 0).data[0].y) == ["&lt;a href='x'&gt;y&lt;/a&gt;"]
