"""An instrument that raises is left out, with one warning that names it, and everything else goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from recording import ListSink, attach, batch, net, train
from torch import Tensor, nn

import torchvitals
from torchvitals.core.manifest import MeasureInfo
from torchvitals.core.tag import Tag
from torchvitals.record import sights, watch
from torchvitals.record.instrument import Instrument, Reading

STEPS = 6
CLOCK = ("step_time_s", "recorder_cost_s", "sampling_interval")  # no two runs agree on these
SIGHTS = (
    sights.InputSight,
    sights.ModesSight,
    sights.ForwardSight,
    sights.OutputSight,
    sights.LossSight,
    sights.CarryoverSight,
    sights.ActivationGradientSight,
    sights.OptimizerSight,
    sights.ParameterSight,
    sights.GradientSight,
    sights.ClippingSight,
    sights.UpdateSight,
    sights.ProbeSight,
    sights.LoopSight,
    sights.SuccessionSight,
)
MINE = Tag(measure="third_party", subject="model")


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign(Instrument[Any]):
    """Counts how often it looked, until it fails."""

    sight: ClassVar[type] = sights.GradientSight
    measures: ClassVar[tuple[MeasureInfo, ...]] = (MeasureInfo(name="third_party", unit="", meaning="number of looks"),)
    good_looks: int
    looks: list[Any] = field(default_factory=list)

    def measure(self, sight: Any) -> Iterator[Reading]:
        self.looks.append(sight)
        if len(self.looks) > self.good_looks:
            raise RuntimeError("wires crossed")
        return iter([(MINE, float(len(self.looks)))])


class Halfway(Foreign):
    """Fails in a generator that has yielded something already."""

    def measure(self, sight: Any) -> Iterator[Reading]:
        self.looks.append(sight)
        yield MINE, float(len(self.looks))
        if len(self.looks) > self.good_looks:
            raise RuntimeError("wires crossed")


def yielding(reading: Any) -> type[Foreign]:
    """One that does not raise, but yields what no log can hold."""

    class Rubbish(Foreign):
        def measure(self, sight: Any) -> Iterator[Reading]:
            self.looks.append(sight)
            if len(self.looks) > self.good_looks:
                yield reading
            else:
                yield MINE, float(len(self.looks))

    return Rubbish


def setting() -> tuple[nn.Module, torch.optim.Optimizer, nn.Module]:
    model = net()
    return model, torch.optim.Adam(model.parameters(), lr=0.01), nn.CrossEntropyLoss()


def recorded(patch: pytest.MonkeyPatch, *more: Instrument[Any]) -> tuple[ListSink, list[float], list[Tensor]]:
    """A training with some more instruments: its log, its losses, its weights."""
    known = watch.all_instruments()
    model, optimizer, loss_fn = setting()
    with patch.context() as patched:
        patched.setattr(watch, "all_instruments", lambda: (*more, *known))
        vitals, sink = attach(model, optimizer, loss_fn=loss_fn, probe=batch())
    losses = train(model, optimizer, loss_fn, steps=STEPS)
    vitals.close()
    return sink, losses, [p.detach() for p in model.parameters()]


def numbers(sink: ListSink) -> list[dict[str, Any]]:
    """All that was recorded, step by step, but for the clock and the third party's own."""
    found = []
    for record in sink.records:
        values: dict[str, Any] = {str(t): v for t, v in record.scalars if t.measure not in CLOCK and t != MINE}
        values.update({str(t): v.tolist() for t, v in record.vectors})
        values.update({str(t): h.count.tolist() for t, h in record.histograms})
        found.append(values)
    return found


def assert_left_out(sink: ListSink, instrument: Foreign, caplog: pytest.LogCaptureFixture, why: str) -> None:
    name = type(instrument).__name__
    (warning,) = caplog.records
    assert warning.levelno == logging.WARNING
    assert name in warning.getMessage()
    assert why in warning.getMessage()
    (unseen,) = [u for u in sink.manifests[-1].unseen if u.subject == name]
    assert why in unseen.reason
    assert len(instrument.looks) == instrument.good_looks + 1, "it is not asked again"


@pytest.mark.parametrize("good_looks", [0, 3])
@pytest.mark.parametrize("make", [Foreign, Halfway])
def test_it_is_left_out_and_all_else_is_recorded(
    make: type[Foreign], good_looks: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    instrument = make(good_looks=good_looks)
    sink, losses, weights = recorded(monkeypatch, instrument)
    assert_left_out(sink, instrument, caplog, "RuntimeError: wires crossed")
    assert sink.series(str(MINE)) == [float(i + 1) for i in range(good_looks)]
    undisturbed, *_ = recorded(monkeypatch)
    assert sink.steps == undisturbed.steps == list(range(STEPS))
    for mine, plain in zip(numbers(sink), numbers(undisturbed), strict=True):
        np.testing.assert_equal(mine, plain)
    parts = model, *_ = setting()
    assert losses == train(*parts, steps=STEPS)  # type: ignore[arg-type]
    assert all(torch.equal(p, q) for p, q in zip(weights, model.parameters(), strict=True))


@pytest.mark.parametrize("sight", SIGHTS, ids=lambda s: s.__name__)
def test_whatever_it_looks_at(sight: type, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    instrument = Foreign(good_looks=0)
    monkeypatch.setattr(Foreign, "sight", sight)
    sink, losses, _ = recorded(monkeypatch, instrument)
    assert_left_out(sink, instrument, caplog, "wires crossed")
    assert sink.steps == list(range(STEPS))
    assert {"loss/train", "grad_norm/0.weight", "update_ratio/0.weight", "activation_mean/1"} <= sink.scalars().keys()
    assert losses == train(*setting(), steps=STEPS)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reading", "why"),
    [
        ((MINE, "seven"), "ValueError"),
        ((MINE, None), "TypeError"),
        ((MINE, [1.0, 2.0]), "TypeError"),
        (("third_party", 1.0), "a reading has a Tag, not a str"),
        ((MINE, torch.ones(2, dtype=torch.complex64)), "complex"),
        ((MINE,), "TypeError"),
        (7.0, "TypeError"),
    ],
    ids=["text", "none", "list", "no tag", "complex", "half a reading", "no reading"],
)
def test_one_that_yields_what_no_log_can_hold_is_left_out_too(
    reading: Any, why: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    instrument = yielding(reading)(good_looks=2)
    sink, *_ = recorded(monkeypatch, instrument)
    assert_left_out(sink, instrument, caplog, why)
    assert sink.steps == list(range(STEPS))
    assert sink.series(str(MINE)) == [1.0, 2.0]


def test_two_that_fail_are_told_apart(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    sink, *_ = recorded(monkeypatch, Foreign(good_looks=0), Halfway(good_looks=2))
    assert [r.getMessage().split()[3] for r in caplog.records] == ["Foreign", "Halfway"]
    assert {"Foreign", "Halfway"} <= {u.subject for u in sink.manifests[-1].unseen}


class Point:
    """The entry point of a third party."""

    name, value = "gauge", "gauges:Gauge"

    def __init__(self, load: Callable[[], Any]) -> None:
        self.load = load


def missing() -> Any:
    raise ImportError("No module named 'gauges'")


@pytest.mark.parametrize(
    ("load", "named"),
    [(missing, "gauge"), (lambda: 7, "gauge"), (lambda: Foreign, "Foreign")],
    ids=["cannot be imported", "is no instrument", "cannot be made"],
)
def test_a_broken_entry_point_is_one_warning_and_the_training_is_recorded(
    load: Callable[[], Any], named: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = {"torchvitals.instruments": [Point(load)]}
    model, optimizer, loss_fn = setting()
    with monkeypatch.context() as patched:
        patched.setattr("torchvitals.core.discover.entry_points", lambda group: points.get(group, []))
        vitals = torchvitals.watch(model, optimizer, logdir=tmp_path, loss_fn=loss_fn, every=1)
    losses = train(model, optimizer, loss_fn, steps=STEPS)
    vitals.close()
    (warning,) = caplog.records
    assert named in warning.getMessage()
    assert losses == train(*setting(), steps=STEPS)  # type: ignore[arg-type]
    run = torchvitals.read(tmp_path)
    assert run.steps.tolist() == list(range(STEPS))
    assert {"loss", "grad_norm", "update_ratio"} <= run.measures
