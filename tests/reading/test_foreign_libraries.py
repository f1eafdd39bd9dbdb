"""Logs that other libraries really wrote (tests/foreign_logs): every point is read, understood and judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import torchvitals
from torchvitals.core.histogram import Histogram
from torchvitals.core.run import Run
from torchvitals.core.tag import Tag
from torchvitals.reading import reader
from torchvitals.reading.gradient_norms import norm

LOGS = Path(__file__).parents[1] / "foreign_logs"
WRITTEN = {  # numbers of points, as the programs in make.py write them
    "torch-healthy": {"Loss/train": 60, "Loss/test": 6, "Accuracy/train": 60, "lr": 60, "grad_norm": 60, "hparam/accuracy": 1},
    "torch-nan": {"train_loss": 60},
    "tensorboardx-flat": {"train/loss": 60, "train/learning_rate": 60},
    "lightning": {"train_loss_step": 60, "train_loss_epoch": 4, "val_loss": 4, "lr-Adam": 60, "grad_2.0_norm_total": 60},
    "transformers": {"train/loss": 30, "train/train_loss": 1, "eval/loss": 3, "eval/accuracy": 3, "train/grad_norm": 30},
    "ignite": {"training/loss": 60, "validation/loss": 2, "lr/group_0": 60, "grads_norm/0/weight": 6},
    "keras": {"train/epoch_loss": 60, "validation/epoch_loss": 60, "train/epoch_learning_rate": 60},
}
READ_AS = {
    "torch-healthy": {
        "loss/train": "Loss/train",
        "loss/val": "Loss/test",
        "accuracy/train": "Accuracy/train",
        "learning_rate/group0": "lr",
        "global_grad_norm/model": "grad_norm",
        "weights/0.weight": "0.weight",
        "gradients/2.bias": "2.bias.grad",
        "grad_norm/2.bias": "2.bias.grad",
    },
    "torch-nan": {"loss/train": "train_loss"},
    "tensorboardx-flat": {"loss/train": "train/loss", "learning_rate/group0": "train/learning_rate"},
    "lightning": {
        "loss/train": "train_loss_step",
        "loss/val": "val_loss",
        "accuracy/train": "train_acc",
        "accuracy/val": "val_acc",
        "learning_rate/group0": "lr-Adam",
        "global_grad_norm/model": "grad_2.0_norm_total",
        "grad_norm/2.weight": "grad_2.0_norm/2.weight",
        "epoch": "epoch",
    },
    "transformers": {
        "loss/train": "train/loss",
        "loss/val": "eval/loss",
        "accuracy/val": "eval/accuracy",
        "learning_rate/group0": "train/learning_rate",
        "global_grad_norm/model": "train/grad_norm",
        "epoch": "train/epoch",
    },
    "ignite": {
        "loss/train": "training/loss",
        "loss/val": "validation/loss",
        "accuracy/val": "validation/accuracy",
        "learning_rate/group0": "lr/group_0",
        "grad_norm/0.weight": "grads_norm/0/weight",
    },
    "keras": {
        "loss/train": "train/epoch_loss",
        "loss/val": "validation/epoch_loss",
        "accuracy/train": "train/epoch_accuracy",
        "accuracy/val": "validation/epoch_accuracy",
        "learning_rate/group0": "train/epoch_learning_rate",
        "weights/sequential.hidden.kernel": "train/sequential/hidden/kernel/histogram",
    },
}
LEARNS = ("torch-healthy", "lightning", "transformers", "ignite", "keras")


@pytest.mark.parametrize("name", WRITTEN)
def test_every_point_is_read(name: str) -> None:
    run = torchvitals.read(LOGS / name)
    assert run.manifest is None
    assert run.problems == ()
    assert {tag: len(run.scalars[Tag.parse(tag)]) for tag in WRITTEN[name]} == WRITTEN[name]


@pytest.mark.parametrize("folder", sorted({p.parent for p in LOGS.rglob("*tfevents*")}), ids=lambda p: p.name)
def test_what_is_read_is_what_tensorboard_reads(folder: Path) -> None:
    theirs = EventAccumulator(str(folder), size_guidance={"scalars": 0, "histograms": 0, "tensors": 0})
    theirs.Reload()
    ours = reader.read(folder)
    tags = theirs.Tags()
    for tag in tags["scalars"]:
        points = theirs.Scalars(tag)
        series = ours.scalars[Tag.parse(tag)]
        assert series.step.tolist() == [p.step for p in points]
        np.testing.assert_array_equal(series.value, [p.value for p in points])
    for tag in tags["histograms"]:
        assert [h.total for h in ours.histograms[Tag.parse(tag)].value] == [
            sum(p.histogram_value.bucket) for p in theirs.Histograms(tag)
        ]
    for tag in tags["tensors"]:
        held = [s for group in (ours.scalars, ours.histograms) if (s := group.get(Tag.parse(tag))) is not None]
        assert (held and len(held[0]) == len(theirs.Tensors(tag))) or tag in ours.texts or tag == "keras"


@pytest.mark.parametrize("name", READ_AS)
def test_tags_are_read_as_ours_and_stay(name: str) -> None:
    run = torchvitals.read(LOGS / name)
    found = {r.role: r.tag for r in run.roles}
    assert READ_AS[name].items() <= found.items()
    assert not {"loss/val", "loss/train"} & (found.keys() - READ_AS[name].keys())
    for role, tag in found.items():
        if not role.startswith("grad_norm/") or Tag.parse(tag) in run.scalars:
            group = run.scalars if Tag.parse(tag) in run.scalars else run.histograms
            assert group[Tag.parse(role)].step is group[Tag.parse(tag)].step
            assert group[Tag.parse(role)].tag == Tag.parse(role)


def test_what_was_preferred_to_what_is_told() -> None:
    (role,) = [r for r in torchvitals.read(LOGS / "lightning").roles if r.role == "loss/train"]
    assert role.others == ("train_loss_epoch",)


def noted(run: Run) -> set[str]:
    return {r.role for r in run.roles if "its steps count epochs" in r.notes}


def test_steps_that_count_epochs_are_told_from_steps() -> None:
    assert {"loss/train", "loss/val"} <= noted(torchvitals.read(LOGS / "keras"))
    assert not noted(torchvitals.read(LOGS / "lightning"))  # an epoch's loss stands there at the step at which it ended
    assert not noted(torchvitals.read(LOGS / "transformers"))


@pytest.mark.parametrize("name", LEARNS)
def test_a_run_that_learns_is_accused_of_nothing(name: str) -> None:
    diagnosis = torchvitals.diagnose(LOGS / name)
    assert diagnosis.findings == ()
    clean = {c.rule for c in diagnosis.clean}
    assert {"non-finite", "loss-not-decreasing"} <= clean
    # Two rules in ten are no proof of health: the rest needs what only a recording of ours holds, and says so.
    assert diagnosis.verdict == "unknown"
    reasons = {s.rule: s.reason for s in diagnosis.skipped}
    assert "no manifest" in reasons["dead-relu"]


def test_a_flat_loss_is_found() -> None:
    diagnosis = torchvitals.diagnose(LOGS / "tensorboardx-flat")
    assert (diagnosis.verdict, [f.symptom for f in diagnosis.findings]) == ("warning", ["loss-not-decreasing"])


def test_a_loss_that_overflows_is_found_at_its_step() -> None:
    diagnosis = torchvitals.diagnose(LOGS / "torch-nan")
    (finding,) = diagnosis.roots
    assert (diagnosis.verdict, finding.symptom, finding.first_step) == ("critical", "non-finite", 3)


def test_too_few_losses_are_unknown() -> None:
    run = torchvitals.read(LOGS / "lightning", roles={"train_loss_epoch": "loss/train"})
    diagnosis = torchvitals.diagnose(run)
    assert diagnosis.verdict == "unknown"
    assert "loss-not-decreasing" in {s.rule for s in diagnosis.skipped}


@pytest.mark.parametrize("name", ["0.weight", "0.bias", "2.weight", "2.bias"])
def test_a_norm_out_of_a_histogram_is_the_norm(name: str) -> None:
    run = torchvitals.read(LOGS / "torch-healthy")
    derived, logged = run.scalar("grad_norm", name), run.scalar("check", name)
    assert derived is not None
    assert logged is not None
    np.testing.assert_allclose(derived.value, logged.value, rtol=1e-5)


def test_a_sum_of_squares_that_the_bins_contradict_is_not_believed() -> None:
    """add_histogram_raw writes whatever its caller passes, often zero."""
    bins = {"left": np.array([1.0]), "right": np.array([2.0]), "count": np.array([10.0])}
    assert norm(Histogram(**bins, sum_squares=20.0)) == pytest.approx(20**0.5)
    assert norm(Histogram(**bins, sum_squares=0.0)) is None
    assert norm(Histogram(**bins, sum_squares=50.0)) is None
    assert np.isnan(norm(Histogram(**bins, sum_squares=float("nan"))) or 0)


def test_the_validation_folder_alone_is_no_training() -> None:
    run = torchvitals.read(LOGS / "keras" / "validation")
    assert {r.role for r in run.roles if r.role.startswith(("loss", "acc"))} == {"loss/val", "accuracy/val"}


def test_a_log_of_ours_is_not_reinterpreted() -> None:
    run = torchvitals.read(Path(__file__).parents[2] / "sample_runs" / "healthy")
    assert run.manifest is not None
    assert run.roles == ()
