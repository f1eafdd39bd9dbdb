"""No hook of ours outlives the recording, and none travels with a copy of the model."""

from __future__ import annotations

import copy
import io
import logging
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from recording import ListSink, attach, batch, hooks_on, net, train
from torch import nn

from torchvitals.core.step_record import StepRecord
from torchvitals.record.instruments.weight_norm import WeightNorm

LOAD = """
import sys
sys.modules["torchvitals"] = None
import torch
model = torch.load(sys.argv[1], weights_only=False)
assert model(torch.ones(2, 4)).shape == (2, 3)
"""


def setting() -> tuple[nn.Sequential, torch.optim.Optimizer, nn.CrossEntropyLoss]:
    model = net()
    return model, torch.optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss()


@pytest.mark.parametrize("given", [True, False])
def test_close_takes_every_hook_off(given: bool) -> None:
    model, optimizer, loss_fn = setting()
    vitals, sink = attach(model, optimizer if given else None, loss_fn=loss_fn)
    train(model, optimizer, loss_fn)
    assert hooks_on(model, loss_fn, optimizer)
    vitals.close()
    vitals.close()
    assert hooks_on(model, loss_fn, optimizer) == []
    assert sink.closed


def test_an_exception_in_the_loop_passes_through_and_takes_every_hook_off() -> None:
    model, optimizer, loss_fn = setting()
    vitals, sink = attach(model, optimizer, loss_fn=loss_fn)

    def loop() -> None:
        with vitals:
            train(model, optimizer, loss_fn, steps=2)
            loss_fn(model(batch()[0]), batch()[1])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        loop()
    assert hooks_on(model, loss_fn, optimizer) == []
    assert sink.steps == [0, 1, 2], "the step that the exception cut short is written as far as it came"
    assert "loss/train" in sink.scalars(2)
    assert "grad_norm/0.weight" not in sink.scalars(2)


def break_the_sink(sink: ListSink, _patch: pytest.MonkeyPatch) -> None:
    def write(record: StepRecord) -> None:
        raise OSError(f"disk full at step {record.step}")

    sink.write = write  # type: ignore[method-assign]


def break_an_instrument(_sink: ListSink, patch: pytest.MonkeyPatch) -> None:
    def measure(*_: object) -> None:
        raise RuntimeError("disk full, so to speak")

    patch.setattr(WeightNorm, "measure", measure)


@pytest.mark.parametrize("broken", [break_the_sink, break_an_instrument])
def test_an_error_of_ours_is_one_warning_and_the_training_goes_on(
    broken: Callable[[ListSink, pytest.MonkeyPatch], None], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = train(*setting(), steps=5)
    model, optimizer, loss_fn = setting()
    vitals, sink = attach(model, optimizer, loss_fn=loss_fn)
    broken(sink, monkeypatch)
    with caplog.at_level(logging.WARNING, logger="torchvitals"):
        losses = train(model, optimizer, loss_fn, steps=5)
        assert hooks_on(model, loss_fn, optimizer) == []
        vitals.step(losses[-1])
        vitals.log(epoch=1)
        vitals.close()
    assert losses == undisturbed
    (record,) = caplog.records
    assert "disk full" in record.getMessage()
    assert "Training goes on" in record.getMessage()


def test_the_closed_recorder_stays_off(caplog: pytest.LogCaptureFixture) -> None:
    model = net()
    vitals, sink = attach(model)
    vitals.step(1.0)
    vitals.close()
    vitals.step(2.0)
    vitals.log(epoch=1)
    assert sink.steps == [0]
    assert hooks_on(model) == []
    assert "the recording is closed" in caplog.text


def copies(model: nn.Module) -> dict[str, nn.Module]:
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return {
        "pickle": pickle.loads(pickle.dumps(model)),
        "torch.save": torch.load(file, weights_only=False),
        "deepcopy": copy.deepcopy(model),
    }


@pytest.mark.parametrize("way", ["pickle", "torch.save", "deepcopy"])
def test_a_copy_of_an_armed_model_works_and_records_nothing(way: str) -> None:
    model, optimizer, loss_fn = setting()
    vitals, sink = attach(model, optimizer, loss_fn=loss_fn)
    train(model, optimizer, loss_fn)
    x, y = batch()
    expected = model(x)
    twin = copies(model)[way]
    assert hooks_on(model)
    assert hooks_on(twin, copy.deepcopy(optimizer), pickle.loads(pickle.dumps(loss_fn))) == hooks_on(nn.Identity())
    assert torch.equal(twin(x), expected)
    before = vitals._recorder._frame._readings.copy()  # type: ignore[union-attr]
    loss_fn(twin(2 * x), y).backward()
    after = vitals._recorder._frame._readings  # type: ignore[union-attr]
    assert {str(t) for t in after if t not in before or after[t] is not before[t]} <= {
        "loss/train",
        "target_class_count/train",
    }, "only the loss module, which is not a copy, is seen"
    vitals.close()
    assert len(sink.records) == 3


def test_a_model_saved_while_armed_can_be_loaded_where_torchvitals_is_not_installed(tmp_path: Path) -> None:
    model, optimizer, loss_fn = setting()
    vitals, _ = attach(model, optimizer, loss_fn=loss_fn)
    torch.save(model, tmp_path / "model.pt")
    vitals.close()
    done = subprocess.run([sys.executable, "-c", LOAD, tmp_path / "model.pt"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
