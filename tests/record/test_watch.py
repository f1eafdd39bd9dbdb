"""What `watch` refuses, and what it tells at the end."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from recording import attach, net, train
from torch import nn

import torchvitals
from torchvitals.errors import RecordingError, TorchvitalsError

MODEL = nn.Linear(4, 3)


def lazy() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "lazy modules are under development"
        return nn.LazyLinear(3)


@pytest.mark.parametrize(
    ("argument", "value", "advice"),
    [
        ("model", MODEL.parameters(), "pass the network"),
        ("model", lazy(), "call it once"),
        ("optimizer", MODEL.parameters(), "pass what steps"),
        ("optimizer", 0.1, "pass what steps"),
        ("optimizer", [torch.optim.SGD(MODEL.parameters()), None], "pass what steps"),
        ("loss_fn", "mse", "pass nn.CrossEntropyLoss()"),
        ("overhead", 2, "pass 0.02"),
        ("overhead", 0, "pass 0.02"),
        ("overhead", "2 %", "pass 0.02"),
        ("overhead", float("nan"), "pass 0.02"),
        ("every", 0, "pass 1"),
        ("every", 2.5, "pass 1"),
        ("every", "10", "pass 1"),
        ("probe", torch.ones(3), "pass one small batch"),
    ],
)
def test_a_wrong_argument_is_named_with_what_to_pass(argument: str, value: Any, advice: str, tmp_path: Path) -> None:
    arguments: dict[str, Any] = {"model": MODEL, "optimizer": None, "logdir": tmp_path, argument: value}
    with pytest.raises(RecordingError, match=f"^{argument}.*{re.escape(advice)}"):
        torchvitals.watch(**arguments)
    assert not MODEL._forward_hooks


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    with pytest.raises(RecordingError, match=r"logdir=.*taken.*pass a folder"):
        torchvitals.watch(net(), logdir=tmp_path / "taken")


def test_recording_errors_are_values_errors_of_the_tree() -> None:
    assert issubclass(RecordingError, TorchvitalsError)
    assert issubclass(RecordingError, ValueError)


def test_the_manifest_describes_the_network_in_forward_order() -> None:
    torch.manual_seed(7)
    model = nn.ModuleDict({"late": nn.Linear(6, 3), "early": nn.Linear(4, 6), "norm": nn.LayerNorm(6), "idle": nn.ReLU()})
    model["late"].bias.requires_grad_(False)
    optimizer = torch.optim.SGD([*model["early"].parameters(), *model["late"].parameters()], lr=0.1)
    vitals, sink = attach(model, optimizer, loss_fn=nn.MSELoss(reduction="sum"))
    model["late"](model["norm"](model["early"](torch.ones(2, 4)))).sum().backward()
    optimizer.step()
    vitals.close()
    manifest = sink.manifests[-1]
    assert [(m.name, m.fired, m.output_shape) for m in manifest.modules] == [
        ("early", True, (2, 6)),
        ("norm", True, (2, 6)),
        ("late", True, (2, 3)),
        ("idle", False, None),
    ]
    assert [m.before_norm for m in manifest.modules] == [True, False, False, False]
    assert {p.name: (p.trainable, p.optimized) for p in manifest.parameters} == {
        "early.weight": (True, True),
        "early.bias": (True, True),
        "norm.weight": (True, False),
        "norm.bias": (True, False),
        "late.weight": (True, True),
        "late.bias": (False, True),
    }
    assert (manifest.loss, manifest.loss_reduction, manifest.seed, manifest.every) == ("MSELoss", "sum", 7, 1)
    assert "idle" in {u.subject for u in manifest.unseen}


def test_findings_are_told_once_at_the_latest_when_the_recording_is_closed(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, loss_fn = net(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model[0].parameters(), lr=0.1)  # the last layer is left out
    told: list[torchvitals.Finding] = []
    vitals = torchvitals.watch(model, optimizer, logdir=tmp_path, loss_fn=loss_fn, every=1, on_finding=told.append)
    train(model, optimizer, loss_fn, steps=60)
    vitals.close()
    vitals.close()
    assert [f.symptom for f in told].count("parameters-not-optimized") == 1
    assert "parameters-not-optimized" in torchvitals.read(tmp_path).texts["torchvitals/findings"]


def test_an_error_in_on_finding_does_not_reach_the_loop(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def fail(finding: torchvitals.Finding) -> None:
        raise RuntimeError(f"no mail server for {finding.symptom}")

    model, loss_fn = net(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model[0].parameters(), lr=0.1)
    with torchvitals.watch(model, optimizer, logdir=tmp_path, loss_fn=loss_fn, every=1, on_finding=fail):
        train(model, optimizer, loss_fn, steps=60)
    assert "no mail server" in caplog.text
