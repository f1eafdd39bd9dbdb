"""Many layers in a few rows: each row shows the layer that strays most, computed here by hand."""

from __future__ import annotations

import doctest

import numpy as np
from present.samples import manifest_of, run_of, series

from torchvitals.core.finding import Finding, Severity
from torchvitals.core.run import Run
from torchvitals.core.tag import Tag
from torchvitals.present import fold
from torchvitals.present.fold import FIT, deepest, fitting_depth, folded, rows


def _value(run: Run, row: str, measure: str = "grad_norm") -> list[float]:
    return run.scalars[Tag(measure=measure, subject=row)].value.tolist()


def test_the_examples_hold() -> None:
    outcome = doctest.testmod(fold)
    assert outcome.attempted
    assert not outcome.failed


def test_a_row_holds_the_value_farthest_from_the_median_of_all_at_each_step() -> None:
    values = {"a.0.w": [1.0, 1.0, 1e-3], "a.1.w": [100.0, 1.0, 1.0], "b.0.w": [1.0, 2.0, 1.0], "b.1.w": [1.0, 1.0, 1.0]}
    run, _ = folded(run_of(*(series(f"grad_norm/{n}", v) for n, v in values.items())), "grad_norm", 1)
    middle = np.median(np.log10(np.array(list(values.values()))))
    for block in ("a", "b"):
        table = np.array([v for n, v in values.items() if n.startswith(block)])
        farthest = np.abs(np.log10(table) - middle).argmax(axis=0)
        assert _value(run, block) == [float(table[i, s]) for s, i in enumerate(farthest)]


def test_not_finite_comes_before_zero_and_zero_before_any_number() -> None:
    run, _ = folded(
        run_of(
            series("grad_norm/a.0.w", [np.nan, 0.0, 1.0]),
            series("grad_norm/a.1.w", [0.0, 1e-9, 1e-9]),
            series("grad_norm/a.2.w", [1.0, 1.0, 1.0]),
        ),
        "grad_norm",
        1,
    )
    first, *others = _value(run, "a")
    assert np.isnan(first)
    assert others == [0.0, 1e-9]


def test_of_a_fraction_the_highest_counts_and_of_a_signed_measure_the_farthest() -> None:
    run, _ = folded(
        run_of(series("dead_fraction/a.0", [0.0, 0.9]), series("dead_fraction/a.1", [0.5, 0.1])), "dead_fraction", 1
    )
    assert _value(run, "a", "dead_fraction") == [0.5, 0.9]
    means = (series("activation_mean/a.0", [-5.0]), series("activation_mean/a.1", [0.1]), series("activation_mean/b", [0.2]))
    run, _ = folded(run_of(*means), "activation_mean", 1)
    assert _value(run, "a", "activation_mean") == [-5.0]


def test_rows_keep_forward_order_and_biases_stay_out() -> None:
    names = ("z.0", "z.1", "a.0", "m.0")
    both = [series(f"grad_norm/{n}.{p}", [v]) for n in names for p, v in (("weight", 1.0), ("bias", 1e-9))]
    run, _ = folded(run_of(*both, manifest=manifest_of(names)), "grad_norm", 1)
    assert list(run.by_subject("grad_norm")) == ["z", "a", "m"]
    assert _value(run, "z") == [1.0]


def test_findings_speak_of_rows() -> None:
    named = Finding(
        symptom="x", code="X", severity=Severity.INFO, summary="", module="a.0.w", modules=("a.0.w", "a.1.w", "b.3.w")
    )
    whole = Finding(symptom="y", code="Y", severity=Severity.INFO, summary="")
    _, (of_rows, of_run) = folded(run_of(series("grad_norm/a.0.w", [1.0])), "grad_norm", 1, (named, whole))
    assert (of_rows.module, of_rows.modules) == ("a", ("a", "b"))
    assert (of_run.module, of_run.modules) == (None, ())


def test_series_of_different_steps_are_folded_too() -> None:
    parts = (series("grad_norm/a.0", [1.0, 2.0], [0, 10]), series("grad_norm/a.1", [50.0], [5]))
    run, _ = folded(run_of(*parts), "grad_norm", 1)
    assert run.scalars[Tag(measure="grad_norm", subject="a")].step.tolist() == [0, 5, 10]


def test_a_thousand_layers_fit_and_few_are_left_alone() -> None:
    names = [f"encoder.layers.{i}.{part}.weight" for i in range(50) for part in ("attention", "linear1", "linear2", "norm")]
    assert fitting_depth(names) == 3
    assert len({fold.row_of(n, 3) for n in names}) == 50 <= FIT
    assert fitting_depth(names[:8]) == deepest(names) == 5
    assert fitting_depth([str(i) for i in range(1000)]) == 1


def test_only_some_layers_are_kept_in_forward_order() -> None:
    run = run_of(*(series(f"grad_norm/{n}", [1.0]) for n in ("z.0.weight", "a.0.weight", "m.0.weight")))
    kept = fold.only(run, "grad_norm", ["m.0.weight", "z.0.weight", "not there"])
    assert list(kept.by_subject("grad_norm")) == ["z.0.weight", "m.0.weight"]


def test_nothing_recorded_is_nothing_folded() -> None:
    empty = Run(name="empty")
    run, findings = folded(empty, "grad_norm", 1)
    assert not run.scalars
    assert findings == ()
    assert rows(empty, "grad_norm") == {}
