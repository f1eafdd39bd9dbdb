"""One optimizer step is one step of the log, however the loop is written."""

from __future__ import annotations

import pytest
import torch
from recording import ListSink, attach, batch, hooks_on_modules, net, train
from torch import nn

LOSS = nn.CrossEntropyLoss()


def test_one_optimizer_step_is_one_step() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss_fn = nn.CrossEntropyLoss()
    with attach(model, optimizer, loss_fn=loss_fn)[0] as vitals:
        losses = train(model, optimizer, loss_fn, steps=4)
    sink: ListSink = vitals._sink  # type: ignore[assignment]
    assert sink.steps == [0, 1, 2, 3]
    assert sink.series("loss/train") == pytest.approx(losses)


def test_accumulated_backward_passes_count_once_and_the_applied_gradient_is_read() -> None:
    model, (x, y) = net(), batch()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    vitals, sink = attach(model, optimizer)
    norms = []
    for _ in range(3):
        optimizer.zero_grad()
        for part in range(4):
            LOSS(model(x[part::4]), y[part::4]).backward()
        norms.append(model[0].weight.grad.norm().item())
        optimizer.step()
    vitals.close()
    assert sink.steps == [0, 1, 2]
    assert sink.series("grad_norm/0.weight") == pytest.approx(norms)
    assert sink.series("gradient_carryover/model") == [0.0, 0.0, 0.0]


def test_validation_between_steps_is_not_recorded() -> None:
    model, (x, y) = net(), batch()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss_fn = nn.CrossEntropyLoss()
    vitals, sink = attach(model, optimizer, loss_fn=loss_fn)
    for _ in range(3):
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        with torch.no_grad():
            loss_fn(model(100 * x), y)
        loss.backward()
        optimizer.step()
        model.eval()
        with torch.inference_mode():
            loss_fn(model(100 * x), y)
        model.train()
    vitals.close()
    assert sink.steps == [0, 1, 2]
    assert sink.series("input_max/model") == [pytest.approx(x.max().item())] * 3
    assert sink.series("loss/train")[-1] == pytest.approx(loss.item())


def test_what_step_is_told_wins_and_is_not_counted_twice() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss_fn = nn.CrossEntropyLoss()
    vitals, sink = attach(model, optimizer, loss_fn=loss_fn)
    for step in range(3):
        train(model, optimizer, loss_fn, steps=1)
        vitals.step(100.0 + step, inputs=torch.full((2, 4), 7.0))
    vitals.close()
    assert sink.steps == [0, 1, 2]
    assert sink.series("loss/train") == [100.0, 101.0, 102.0]
    assert sink.series("input_mean/model") == [7.0] * 3
    assert "grad_norm/0.weight" in sink.scalars()


def test_step_gives_the_loss_the_outputs_and_the_targets_that_were_not_seen() -> None:
    model, (x, y) = net(), batch()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    vitals, sink = attach(model, optimizer)
    # Where function modes are off, nothing of the loss can be seen.
    with torch._C.DisableTorchFunction():
        outputs = model(x)
        loss = nn.functional.cross_entropy(outputs, y)
        loss.backward()
    optimizer.step()
    vitals.step(loss, outputs=outputs, targets=y)
    vitals.close()
    assert sink.scalars()["loss/train"] == pytest.approx(loss.item())
    assert sink.vectors()["target_class_count/train"] == torch.bincount(y, minlength=3).tolist()
    assert sink.vectors()["predicted_class_count/train"] == torch.bincount(outputs.argmax(1), minlength=3).tolist()


@pytest.mark.parametrize("every", [2, 3])
def test_what_step_is_told_of_a_step_that_is_not_measured_is_left_out(every: int) -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss_fn = nn.CrossEntropyLoss()
    vitals, sink = attach(model, optimizer, loss_fn=loss_fn, every=every)
    for step in range(7):
        train(model, optimizer, loss_fn, steps=1)
        vitals.step(100.0 + step, inputs=torch.full((2, 4), float(step)))
    vitals.close()
    measured = list(range(0, 7, every))
    assert sink.steps == measured
    assert sink.series("loss/train") == [100.0 + step for step in measured]
    assert sink.series("input_mean/model") == measured


def test_without_an_optimizer_each_call_of_step_is_a_step() -> None:
    model, (x, y) = net(), batch()
    vitals, sink = attach(model)
    told, norms = [], []
    for _ in range(4):
        model.zero_grad()
        loss = LOSS(model(x), y)
        loss.backward()
        with torch.no_grad():
            for p in model.parameters():
                p -= 0.1 * p.grad  # type: ignore[operator]
        vitals.step(loss)
        told.append(loss.item())
        norms.append(model[2].bias.grad.norm().item())
    vitals.close()
    assert sink.steps == [0, 1, 2, 3]
    assert sink.series("loss/train") == pytest.approx(told)
    assert sink.series("grad_norm/2.bias") == pytest.approx(norms)
    assert "activation_mean/1" in sink.scalars()


def test_an_optimizer_that_was_not_passed_is_discovered_and_that_of_another_model_is_not() -> None:
    model, other = net(), net(1)
    optimizer, foreign = (torch.optim.SGD(m.parameters(), lr=0.1) for m in (model, other))
    loss_fn = nn.CrossEntropyLoss()
    vitals, sink = attach(model, loss_fn=loss_fn)
    for _ in range(3):
        train(other, foreign, nn.CrossEntropyLoss(), steps=2)
        train(model, optimizer, loss_fn, steps=1)
    vitals.close()
    assert sink.steps == [0, 1, 2]
    assert "update_ratio/0.weight" in sink.scalars()
    assert sink.manifests[-1].optimizers == ("SGD",)


@pytest.mark.parametrize("every", [4, 3])
def test_bare_steps_run_without_a_hook_on_any_module(every: int) -> None:
    model, (x, y) = net(), batch()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss_fn = nn.CrossEntropyLoss()
    vitals, sink = attach(model, optimizer, loss_fn=loss_fn, every=every)
    for step in range(10):
        sampled = step % every == 0
        assert (hooks_on_modules(model) > 0) == (hooks_on_modules(loss_fn) > 0) == sampled
        assert any(p._backward_hooks for p in model.parameters()) == sampled
        loss_fn(model(x), y).backward()
        optimizer.step()
    vitals.close()
    assert sink.steps == list(range(0, 10, every))


def test_metrics_of_the_loop_stand_at_the_step_that_has_ended(caplog: pytest.LogCaptureFixture) -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    vitals, sink = attach(model, optimizer)
    train(model, optimizer, LOSS, steps=3)
    vitals.log(val_loss=torch.tensor(0.5, requires_grad=True), epoch=1, test_f1=0.25)
    vitals.log(val_loss=torch.ones(3))
    vitals.step("no number")  # type: ignore[arg-type]
    train(model, optimizer, LOSS, steps=1)
    vitals.close()
    assert sink.steps == sorted(sink.steps)
    told = next(i for i in range(len(sink.records)) if "loss/val" in sink.scalars(i))
    assert sink.records[told].step == 2
    assert sink.scalars(told) == {"loss/val": 0.5, "epoch": 1.0, "f1/test": 0.25}
    assert sum("left out" in r.getMessage() for r in caplog.records) == 2
