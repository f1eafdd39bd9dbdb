"""What was recorded is what is read: against the values written, and against TensorBoard's own reader."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

import torchvitals
from torchvitals.core.histogram import Histogram
from torchvitals.core.manifest import Manifest, MeasureInfo, ModuleInfo
from torchvitals.core.step_record import StepRecord
from torchvitals.core.tag import Tag
from torchvitals.store.tensorboard import TensorBoardSink

numbers = st.floats(width=32, allow_nan=True, allow_infinity=True)
SCALAR, VECTOR, HISTOGRAM = (
    Tag(measure="grad_norm", subject="a/b.weight"),
    Tag(measure="firing_rate", subject="r"),
    Tag(measure="h"),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(numbers, st.lists(numbers, min_size=1, max_size=4)), min_size=1, max_size=5))
def test_values_come_back_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, points: list[tuple[float, list[float]]]
) -> None:
    folder = tmp_path_factory.mktemp("log")
    sink = TensorBoardSink(folder)
    counts = Histogram.of([-1.0, 0.0, 2.0], [3, 4])
    for step, (number, vector) in enumerate(points):
        array = np.array(vector, dtype=np.float32)
        sink.write(
            StepRecord(
                step=7 * step,
                wall_time=1e9,
                scalars=((SCALAR, number),),
                vectors=((VECTOR, array),),
                histograms=((HISTOGRAM, counts),),
            )
        )
    sink.close()
    run = torchvitals.read(folder)
    np.testing.assert_array_equal(run.scalars[SCALAR].value, [n for n, _ in points])
    np.testing.assert_array_equal(run.scalars[SCALAR].step, 7 * np.arange(len(points)))
    for read, (_, vector) in zip(run.vectors[VECTOR].value, points, strict=True):
        np.testing.assert_array_equal(read, vector)
    for histogram in run.histograms[HISTOGRAM].value:
        assert (histogram.left.tolist(), histogram.right.tolist(), histogram.count.tolist()) == ([-1, 0], [0, 2], [3, 4])
    assert run.problems == ()


def test_the_manifest_comes_back_and_gives_the_units(tmp_path: Path) -> None:
    manifest = Manifest(
        model="Net",
        modules=(ModuleInfo(name="fc", kind="Linear", output_shape=(64, 10)),),
        measures=(MeasureInfo(name="grad_norm", unit="1/s", meaning="…"),),
    )
    sink = TensorBoardSink(tmp_path)
    sink.write_manifest(Manifest(model="Older"), 0)
    sink.write_manifest(manifest, 0)
    sink.write(StepRecord(step=0, wall_time=1e9, scalars=((SCALAR, 1.0),)))
    sink.close()
    run = torchvitals.read(tmp_path)
    assert run.manifest == manifest
    assert run.scalars[SCALAR].unit == "1/s"


def test_tensorboard_reads_the_same_points(logdir: Path) -> None:
    """Two readers that share no line of code."""
    run = torchvitals.read(logdir)
    theirs = EventAccumulator(str(logdir), size_guidance={"scalars": 0, "tensors": 0})
    theirs.Reload()
    tags = theirs.Tags()
    assert sorted(map(str, run.scalars)) == sorted(tags["scalars"])
    for tag, series in run.scalars.items():
        events = theirs.Scalars(str(tag))
        assert series.step.tolist() == [e.step for e in events]
        np.testing.assert_array_equal(series.value, [e.value for e in events])
    for tag, vectors in run.vectors.items():
        for read, event in zip(vectors.value, theirs.Tensors(str(tag)), strict=True):
            np.testing.assert_array_equal(read, make_ndarray(event.tensor_proto))
    for tag, histograms in run.histograms.items():
        for histogram, event in zip(histograms.value, theirs.Tensors(str(tag)), strict=True):
            rows = np.stack((histogram.left, histogram.right, histogram.count), axis=1)
            np.testing.assert_array_equal(rows, make_ndarray(event.tensor_proto))


def test_a_run_knows_its_name_its_steps_and_its_network(logdir: Path) -> None:
    run = torchvitals.read(logdir)
    assert run.name == "a-run"
    assert run.path == str(logdir)
    assert run.steps.tolist() == list(range(12))
    assert run.manifest is not None
    assert [m.kind for m in run.manifest.modules] == ["Linear", "ReLU", "Linear", "ReLU", "Linear"]
    validation = run.scalar("loss", "val")
    assert validation is not None
    assert validation.step.tolist() == [3, 7, 11]
    np.testing.assert_array_equal(validation.value, np.array([1 / 4, 1 / 8, 1 / 12], dtype=np.float32))


def test_a_single_event_file_is_the_same_run(logdir: Path) -> None:
    (file,) = logdir.glob("*tfevents*")
    run, same = torchvitals.read(logdir), torchvitals.read(file)
    assert same.name == run.name == "a-run"
    assert set(same.scalars) == set(run.scalars)
    assert torchvitals.diagnose(same).to_json() == torchvitals.diagnose(run).to_json()


def test_values_cannot_be_changed_by_accident(logdir: Path) -> None:
    series = next(iter(torchvitals.read(logdir).scalars.values()))
    with pytest.raises(ValueError, match="read-only"):
        series.value[0] = math.nan
