"""The readings of a step on their way to the host."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from torchvitals.core.histogram import Histogram
from torchvitals.core.step_record import StepRecord
from torchvitals.core.tag import Tag
from torchvitals.record.frame import Frame
from torchvitals.record.instrument import Cadence, Sample
from torchvitals.record.statistics import SAMPLE, strided_sample

A, B = Tag(measure="a"), Tag(measure="b", subject="x")


def histogram(x: Tensor) -> Histogram:
    frame = Frame(0, sampled=0)
    frame.add([(A, Sample(values=strided_sample(x, SAMPLE).float(), size=x.numel()))])
    ((_, found),) = sealed(frame).histograms
    return found


def sealed(frame: Frame) -> StepRecord:
    """What arrives on the host, where nothing has to be waited for."""
    frame.seal()
    assert frame.ready()
    return frame.record()


def test_numbers_scalars_vectors_and_nan_arrive_as_they_were() -> None:
    frame = Frame(7, sampled=0)
    assert not frame
    vector = torch.tensor([1.0, torch.nan, 3.0])
    frame.add([(A, torch.tensor(5)), (B, 2.5), (Tag(measure="v"), vector), (Tag(measure="n"), torch.tensor(torch.inf))])
    assert frame
    record = sealed(frame)
    assert record.step == 7
    assert dict(record.scalars) == {A: 5.0, B: 2.5, Tag(measure="n"): np.inf}
    ((_, found),) = record.vectors
    assert np.array_equal(found, vector.numpy(), equal_nan=True)


def test_a_later_reading_of_a_tag_replaces_an_earlier_one() -> None:
    frame = Frame(0, sampled=None)
    frame.add([(A, 1.0), (B, torch.tensor(1.0))])
    frame.add([(B, 2.0)])
    assert dict(sealed(frame).scalars) == {A: 1.0, B: 2.0}


@pytest.mark.parametrize("size", [1, 100, 2048])
def test_a_small_tensor_is_counted_exactly(size: int) -> None:
    x = torch.randn(size, generator=torch.Generator().manual_seed(size))
    found = histogram(x)
    expected, _ = np.histogram(x.numpy(), [*found.left, found.right[-1]])
    assert found.count.tolist() == expected.tolist()
    assert found.total == size
    assert found.count[0] > 0
    assert found.count[-1] > 0


def test_a_large_tensor_is_counted_from_a_sample_scaled_to_its_size() -> None:
    x = torch.randn(300, 400, generator=torch.Generator().manual_seed(0))
    found = histogram(x)
    assert found.total == pytest.approx(x.numel())
    assert found.quantile(0.9) == pytest.approx(1.28, abs=0.15)


def test_tensors_of_zeros_of_nan_and_of_nothing() -> None:
    zeros, nans, empty = histogram(torch.zeros(50)), histogram(torch.full((50,), torch.nan)), histogram(torch.empty(0))
    assert zeros.count.tolist() == [50]
    assert zeros.left[0] < 0 < zeros.right[0]
    assert not nans.count.any()
    assert not empty.count.any()
    assert np.isnan(nans.quantile(0.5))


def test_nonfinite_elements_are_in_no_bin() -> None:
    assert histogram(torch.tensor([torch.nan, torch.inf, -torch.inf, 1.0, -1.0])).total == 2


def test_what_was_sealed_stays_as_it_was() -> None:
    frame, value = Frame(0, sampled=0), torch.tensor([1.0, 2.0])
    frame.add([(A, value), (B, 3.0)])
    frame.seal()
    value += 1
    assert [v.tolist() for _, v in frame.record().vectors] == [[1.0, 2.0]]


def test_a_frame_of_floats_alone_needs_no_copy() -> None:
    frame = Frame(0, sampled=None)
    frame.add([(A, 1.5)])
    assert dict(sealed(frame).scalars) == {A: 1.5}
    assert not Frame(0, sampled=None)


@pytest.mark.parametrize(
    ("sampled", "wanted"),
    [
        (None, {Cadence.LIGHT}),
        (0, {Cadence.SAMPLED, Cadence.FADING, Cadence.RARE, Cadence.SPARSE}),
        (1, {Cadence.SAMPLED, Cadence.FADING}),
        (5, {Cadence.SAMPLED, Cadence.FADING, Cadence.RARE}),
        (20, {Cadence.SAMPLED, Cadence.FADING, Cadence.RARE}),
        (25, {Cadence.SAMPLED, Cadence.FADING, Cadence.RARE, Cadence.SPARSE}),
        (99, {Cadence.SAMPLED, Cadence.FADING}),
        (101, {Cadence.SAMPLED}),
        (105, {Cadence.SAMPLED, Cadence.FADING}),
        (110, {Cadence.SAMPLED, Cadence.FADING, Cadence.RARE}),
    ],
)
def test_which_cadences_a_step_is_for(sampled: int | None, wanted: set[Cadence]) -> None:
    frame = Frame(100, sampled=sampled)
    # The light instruments look at every measured step, sampled or not.
    assert {c for c in Cadence if frame.wants(c)} == wanted | {Cadence.LIGHT}
    assert frame.sampled == (sampled is not None)
