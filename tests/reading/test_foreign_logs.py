"""Logs of PyTorch's own SummaryWriter."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.tensorboard import SummaryWriter

import torchvitals
from torchvitals.core.tag import Tag


@pytest.mark.parametrize("new_style", [False, True])
def test_scalars_of_both_styles_with_all_that_is_not_finite(tmp_path: Path, new_style: bool) -> None:
    values = [1.5, math.nan, math.inf, -math.inf, -2.0]
    with SummaryWriter(str(tmp_path)) as writer:
        for step, value in enumerate(values):
            writer.add_scalar("Loss/train", value, 10 * step, new_style=new_style)
    run = torchvitals.read(tmp_path)
    series = run.scalar("Loss", "train")
    assert series is not None
    np.testing.assert_array_equal(series.value, values)
    assert series.step.tolist() == [0, 10, 20, 30, 40]
    assert run.manifest is None
    assert run.problems == ()


@pytest.mark.parametrize("bins", ["tensorflow", 16])
def test_a_histogram_keeps_its_counts_and_its_quantiles(tmp_path: Path, bins: str | int) -> None:
    values = torch.randn(10_000, generator=torch.Generator().manual_seed(0))
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_histogram("weights", values, 3, bins=bins)
    (series,) = torchvitals.read(tmp_path).histograms.values()
    (histogram,) = series.value
    assert series.step.tolist() == [3]
    assert histogram.total == 10_000
    assert histogram.quantile(0.5) == pytest.approx(float(values.median()), abs=0.1)
    assert histogram.quantile(0.0) >= float(values.min()) - 0.5


def test_what_is_no_measurement_does_no_harm(tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("loss", 1.0, 0)
        writer.add_text("remark", "**hello**", 0)
        writer.add_image("digit", torch.zeros(1, 8, 8), 0)
        writer.add_hparams({"lr": 0.1}, {"accuracy": 0.5}, run_name=".")
    run = torchvitals.read(tmp_path)
    assert sorted(map(str, run.scalars)) == ["accuracy", "accuracy/train", "loss", "loss/train"]
    assert run.texts["remark/text_summary"] == "**hello**"


def test_a_second_writer_in_the_folder_takes_nothing_away(tmp_path: Path) -> None:
    """Several writers may share a folder, one for each kind of metric: that is no restart."""
    for suffix, tag in (("_a", "loss/train"), ("_b", "loss/val")):
        with SummaryWriter(str(tmp_path), filename_suffix=suffix) as writer:
            for step in range(5):
                writer.add_scalar(tag, step, step)
    run = torchvitals.read(tmp_path)
    assert [len(s) for s in run.scalars.values()] == [5, 5]
    assert run.problems == ()


def test_points_without_a_step_are_all_kept(tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path)) as writer:
        for value in (3.0, 2.0, 1.0):
            writer.add_scalar("loss", value)
    run = torchvitals.read(tmp_path)
    series = run.scalars[Tag.parse("loss")]
    assert series.value.tolist() == [3.0, 2.0, 1.0]
    assert series.step.tolist() == [0, 0, 0]
    assert run.problems == ()


def test_a_writer_that_goes_back_in_steps_loses_nothing(tmp_path: Path) -> None:
    """A test metric written at step 0 when training is over must not erase what was there."""
    with SummaryWriter(str(tmp_path)) as writer:
        for step in (0, 1, 2, 0):
            writer.add_scalar("loss", 10 + step if step else 5, step)
    series = torchvitals.read(tmp_path).scalars[Tag.parse("loss")]
    assert series.step.tolist() == [0, 0, 1, 2]
    assert series.value.tolist() == [5, 5, 11, 12]
