"""What names say, and what they do not say for certain."""

from __future__ import annotations

import pytest

from torchvitals.reading.roles import infer


def roles(*tags: str, histograms: tuple[str, ...] = (), folder: str = "") -> dict[str, str]:
    return {r.role: r.tag for r in infer(tags, histograms=histograms, folder=folder)}


@pytest.mark.parametrize(
    ("tag", "role"),
    [
        *[(t, "loss/train") for t in ("loss", "Loss", "train/loss", "train_loss", "Loss/train", "loss_step", "training/loss")],
        *[(t, "loss/train") for t in ("trainLoss", "train_loss_epoch", "batch_loss", "running_loss", "metrics/train_loss")],
        *[(t, "loss/val") for t in ("val_loss", "validation/loss", "eval/loss", "Loss/valid", "dev_loss", "test/loss")],
        *[(t, "accuracy/train") for t in ("accuracy", "train_acc", "Accuracy/train", "train/top1", "epoch_accuracy")],
        *[(t, "accuracy/val") for t in ("val_acc", "eval_accuracy", "val/acc1", "val_sparse_categorical_accuracy")],
        *[(t, "learning_rate/group0") for t in ("lr", "learning_rate", "lr-Adam", "train/learning_rate", "lr/group_0")],
        *[(t, "learning_rate/group1") for t in ("lr-SGD/pg2", "lr/group_1", "lr/1")],
        ("lr-Adam-1", "learning_rate/optimizer1.group0"),
        *[(t, "global_grad_norm/model") for t in ("grad_norm", "train/grad_norm", "grad_2.0_norm_total", "total_grad_norm")],
        *[(t, "epoch") for t in ("epoch", "train/epoch")],
        ("grad_2.0_norm/fc1.weight", "grad_norm/fc1.weight"),
        ("grads_norm/fc1/weight", "grad_norm/fc1.weight"),
        ("weights_norm/fc1/weight", "weight_norm/fc1.weight"),
    ],
)
def test_a_scalar_is_understood(tag: str, role: str) -> None:
    assert roles(tag) == {role: tag}


@pytest.mark.parametrize(
    "tag",
    [
        *("train/box_loss", "loss_G", "kl_loss", "loss_scale", "train_val_loss", "time_per_epoch", "epoch_time", "hp_metric"),
        *("lr-Adam-momentum", "lr-Adam-weight_decay", "grad_inf_norm_total", "grad_1.0_norm/fc1.weight", "val/grad_norm"),
        *("loss_1", "inaccuracy", "balance", "1", "/", "hparam/accuracy", "loss/train/box", "global_step", "ключ"),
    ],
)
def test_what_is_not_certain_is_left_alone(tag: str) -> None:
    assert roles(tag) == {}


@pytest.mark.parametrize(
    ("tag", "role"),
    [
        *[(t, "weights/fc1.weight") for t in ("fc1.weight", "fc1/weight", "weight/fc1.weight", "params/fc1/weight")],
        *[(t, "gradients/fc1.weight") for t in ("fc1.weight.grad", "grad/fc1.weight", "grads/fc1/weight", "fc1/weight/grad")],
        ("gradient/fc1", "gradients/fc1"),
        ("rnn.weight_hh_l0", "weights/rnn.weight_hh_l0"),
        ("sequential/dense/kernel/histogram", "weights/sequential.dense.kernel"),
    ],
)
def test_a_histogram_is_understood(tag: str, role: str) -> None:
    assert roles(histograms=(tag,)) == {role: tag}


@pytest.mark.parametrize("tag", ["latent", "weights/fc1", "gradients/fc1/weight", "weights/fc1.weight", "outputs", "grad"])
def test_a_histogram_that_is_ours_or_says_nothing_is_left_alone(tag: str) -> None:
    assert roles(histograms=(tag,)) == {}


def test_the_most_specific_has_the_role_and_the_others_are_named() -> None:
    (role,) = infer(["loss", "train_loss_epoch", "train_loss_step", "running_train_loss"])
    assert (role.role, role.tag) == ("loss/train", "train_loss_step")
    assert set(role.others) == {"loss", "train_loss_epoch", "running_train_loss"}


def test_a_name_that_says_it_twice_is_a_summary_of_the_run() -> None:
    assert roles("train/train_loss", "train/loss")["loss/train"] == "train/loss"


def test_validation_is_taken_by_the_epoch() -> None:
    assert roles("val_loss_step", "val_loss_epoch") == {"loss/val": "val_loss_epoch"}


def test_our_own_name_comes_before_all_others() -> None:
    assert roles("loss/train", "train_loss_step")["loss/train"] == "loss/train"
    assert infer(["weights/a.weight"], histograms=["a.weight", "weights/a.weight"])[0].tag == "weights/a.weight"


def test_the_test_set_stands_in_only_where_there_is_no_validation() -> None:
    (role,) = infer(["test_loss", "val_loss"])
    assert (role.tag, role.others) == ("val_loss", ())
    (role,) = infer(["test_loss"])
    assert (role.role, role.why) == ("loss/val", "the log names no validation, so the test set stands for it")


def test_validation_alone_is_no_training() -> None:
    assert "loss/train" not in roles("val_loss", "eval/loss", "test_loss")


@pytest.mark.parametrize(
    ("tag", "folder", "role"),
    [
        ("epoch_loss", "validation", "loss/val"),
        ("epoch_loss", "train", "loss/train"),
        ("loss", "loss_val", "loss/val"),  # add_scalars("loss", {"val": …})
        ("metrics/loss", "metrics_loss_val", "loss/val"),
        ("train_loss", "validation", "loss/train"),  # the tag knows better than the folder
        ("loss", "resnet_val_3", "loss/train"),
        ("loss", "version_0", "loss/train"),
    ],
)
def test_the_folder_says_what_the_tag_does_not(tag: str, folder: str, role: str) -> None:
    assert roles(tag, folder=folder) == {role: tag}


def test_the_order_of_the_tags_changes_nothing() -> None:
    tags = ["lr-Adam", "lr-SGD", "train/loss", "loss", "val_loss", "grad_norm", "train_loss"]
    assert infer(tags) == infer(tags[::-1])
