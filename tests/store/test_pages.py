"""The pages of plain TensorBoard that come filled: what they are told about a run."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from event_files import event_file, events_of
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout
from torch import nn

import torchvitals
from torchvitals.core.manifest import Manifest, ModuleInfo
from torchvitals.core.step_record import StepRecord
from torchvitals.core.tag import Tag
from torchvitals.store.pages import batch_size, hyperparameters, layout


def charts(measures: set[str]) -> dict[str, dict[str, list[str]]]:
    (value,) = layout(measures).value
    parsed = Layout.FromString(value.tensor.string_val[0])
    return {s.title: {c.title: list(c.multiline.tag) for c in s.chart} for s in parsed.category}


def test_a_chart_finds_the_tags_of_its_measure_and_no_others() -> None:
    (pattern,) = charts({"grad_norm"})["Gradients"]["grad norm"]
    assert re.match(pattern, "grad_norm/encoder.0.weight")
    assert not re.match(pattern, "global_grad_norm/0")
    assert not re.match(pattern, "grad_norm_2/encoder.0.weight")
    assert re.match(charts({"epoch"})["More"]["epoch"][0], "epoch"), "a tag without a subject"


def test_no_chart_stays_empty_but_the_loss_that_may_yet_come() -> None:
    assert {t: set(c) for t, c in charts({"update_ratio"}).items()} == {"Loss": {"loss"}, "Updates": {"update ratio"}}


def test_a_measure_that_nobody_foresaw_has_a_chart() -> None:
    assert set(charts({"made.up", "loss"})["More"]) == {"made.up"}
    (pattern,) = charts({"made.up"})["More"]["made.up"]
    assert re.match(pattern, "made.up/x")
    assert not re.match(pattern, "made_up/x")


def test_hyperparameters_are_those_that_were_seen() -> None:
    rate = (Tag(measure="learning_rate", subject="0"), 0.25)
    first = StepRecord(step=0, wall_time=1.0, scalars=((Tag(measure="loss"), 1.0), rate))
    full = Manifest(model="Net", optimizers=("Adam", "SGD"), loss="MSELoss", every=7, seed=2**60 + 1)
    assert hyperparameters(full, first) == {
        "model": "Net",
        "optimizer": "Adam, SGD",
        "learning_rate": 0.25,
        "loss": "MSELoss",
        "every": 7,
        "seed": str(2**60 + 1),
    }
    assert hyperparameters(Manifest(model="Net"), StepRecord(step=0, wall_time=1.0)) == {"model": "Net"}


def test_a_batch_size_is_stated_only_where_all_modules_agree() -> None:
    def sized(*shapes: tuple[int, ...] | None) -> Manifest:
        return Manifest(modules=tuple(ModuleInfo(name=str(i), kind="Linear", output_shape=s) for i, s in enumerate(shapes)))

    assert batch_size(sized((8, 3), None, (8, 2, 2))) == 8
    assert batch_size(sized((8, 3), (16, 3))) is None, "one of them is no batch"
    assert batch_size(sized()) is None


def test_both_pages_are_told_once_and_the_run_is_ended_once(tmp_path: Path) -> None:
    torch.manual_seed(3)
    model, loss_fn = nn.Linear(4, 3), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.25)
    with torchvitals.watch(model, optimizer, logdir=tmp_path, loss_fn=loss_fn, every=2) as vitals:
        for _ in range(12):
            optimizer.zero_grad()
            loss_fn(model(torch.randn(8, 4)), torch.randint(0, 3, (8,))).backward()
            optimizer.step()
        vitals.log(val_loss=1.0)
    tags = [v.tag for e in events_of(event_file(tmp_path)) for v in e.summary.value]
    pages = [t for t in tags if t.startswith(("_hparams_", "custom_scalars"))]
    assert sorted(pages) == [
        "_hparams_/experiment",
        "_hparams_/session_end_info",
        "_hparams_/session_start_info",
        "custom_scalars__config__",
    ]
    assert tags[-1] == "_hparams_/session_end_info"
    assert [p for p in tmp_path.iterdir() if p.is_dir()] == [], "no run of its own for the hyperparameters"
    run = torchvitals.read(tmp_path)
    assert set(run.texts) == {"torchvitals/findings"}, "an encoded layout is no text"
    assert dict(run.hparams) == {
        "model": "Linear",
        "optimizer": "SGD",
        "learning_rate": 0.25,
        "batch_size": 8,
        "loss": "CrossEntropyLoss",
        "every": 2,
        "seed": "3",
    }
