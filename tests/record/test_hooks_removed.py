"""No hook of ours outlives a measured step or the recording, and none travels with a copy of the model."""

from __future__ import annotations

import contextlib
import copy
import gc
import io
import itertools
import logging
import pickle
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from recording import ListSink, attach, batch, hooks_on, net, train
from torch import Tensor, nn, optim
from torch.nn.modules import module as global_modules
from torch.optim import optimizer as global_optimizers
from torch.overrides import TorchFunctionMode

from torchvitals.core.step_record import StepRecord

LOAD = """
import sys
sys.modules["torchvitals"] = None
import pickle, torch
for folder in sys.argv[1:]:
    for name in ("model.pt", "deepcopy.pt"):
        model = torch.load(f"{folder}/{name}", weights_only=False)
        assert model(torch.ones(2, 4)).shape == (2, 3)
        model(torch.ones(2, 4)).sum().backward()
    model.load_state_dict(torch.load(f"{folder}/state.pt"))
    optimizer = torch.load(f"{folder}/optimizer.pt", weights_only=False)
    for parameter in optimizer.param_groups[0]["params"]:
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    with open(f"{folder}/loss.pkl", "rb") as file:
        assert pickle.load(file)(torch.ones(2, 3), torch.tensor([0, 1])).isfinite()
assert not any(name.startswith("torchvitals.") for name in sys.modules)
"""

Parts = tuple[nn.Sequential, optim.Optimizer, nn.CrossEntropyLoss]


def setting() -> Parts:
    model = net()
    return model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9), nn.CrossEntropyLoss()


def mode_stack() -> list[TorchFunctionMode]:
    return [torch._C._get_function_stack_at(i) for i in range(torch._C._len_torch_function_stack())]


def hook_tables(model: nn.Module, optimizer: optim.Optimizer, loss_fn: nn.Module) -> dict[str, list[Any]]:
    """Every place in which PyTorch keeps hooks, and what is in it, whoever put it there."""
    tables: dict[str, Any] = {}
    for i, module in enumerate((*model.modules(), *loss_fn.modules())):
        tables.update({f"module {i} {key}": value for key, value in vars(module).items() if "hook" in key})
        tables[f"module {i} compiled call"] = module._compiled_call_impl
        tables[f"module {i} forward"] = vars(module).get("forward")
    for name, parameter in model.named_parameters():
        tables[f"{name} hooks"] = parameter._backward_hooks
        tables[f"{name} after accumulation"] = parameter._post_accumulate_grad_hooks
    tables.update({f"optimizer {key}": value for key, value in vars(optimizer).items() if "hook" in key})
    for place in (global_modules, global_optimizers):
        tables.update({key: value for key, value in vars(place).items() if key.startswith("_global_") and "hook" in key})
    tables["function modes"] = mode_stack()
    return {key: list(value.values() if isinstance(value, dict) else value) if value else [] for key, value in tables.items()}


def attributes(model: nn.Module, optimizer: optim.Optimizer, loss_fn: nn.Module) -> list[list[str]]:
    tensors = [*model.parameters(), *model.buffers()]
    return [list(vars(one)) for one in (*model.modules(), *loss_fn.modules(), optimizer, *tensors)]


@pytest.fixture(autouse=True)
def _nothing_is_left_to_the_next_test() -> Iterator[None]:
    before = hook_tables(*setting())
    yield
    assert hook_tables(*setting()) == before


@pytest.mark.parametrize("given", [True, False])
def test_close_takes_every_hook_off(given: bool) -> None:
    parts = model, optimizer, loss_fn = setting()
    tables, names = hook_tables(*parts), attributes(*parts)
    vitals, sink = attach(model, optimizer if given else None, loss_fn=loss_fn)
    train(model, optimizer, loss_fn)
    assert hooks_on(model, loss_fn, optimizer)
    assert hook_tables(*parts) != tables, "the tables are those that matter"
    assert attributes(*parts) == names, "while it is attached, too"
    vitals.close()
    vitals.close()
    assert hook_tables(*parts) == tables
    assert attributes(*parts) == names
    assert sink.closed


@pytest.mark.parametrize("given", [True, False])
def test_a_step_that_is_not_measured_has_the_optimizers_hooks_and_no_others(given: bool) -> None:
    parts = model, optimizer, loss_fn = setting()
    tables, names = hook_tables(*parts), attributes(*parts)
    vitals, _ = attach(model, optimizer if given else None, loss_fn=loss_fn, every=100)
    train(model, optimizer, loss_fn, steps=4)
    x, y = batch()
    loss = loss_fn(model(x), y)
    assert mode_stack() == []
    loss.backward()
    on = {key for key, value in hook_tables(*parts).items() if value != tables[key]}
    assert on == {"optimizer _optimizer_step_post_hooks" if given else "_global_optimizer_post_hooks"}
    assert attributes(*parts) == names
    assert all(not t._backward_hooks for t in (x, y, loss) if t.is_leaf)
    vitals.close()


class StopError(Exception):
    """Raised by the loop."""


def stop(*_: object, **__: object) -> None:
    raise StopError


class StopsBackward(torch.autograd.Function):
    @staticmethod
    def forward(_ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(_ctx: Any, _gradient: Tensor) -> Tensor:
        raise StopError


def stopped(place: str, parts: Parts) -> None:
    """One step that does not get further than a place."""
    model, optimizer, loss_fn = parts
    x, y = batch()
    middle = model[0](x)
    if place == "forward":
        handle = model[1].register_forward_pre_hook(stop)
        try:
            model(x)
        finally:
            handle.remove()
    loss = loss_fn(model[2](StopsBackward.apply(model[1](middle))) if place == "backward" else model(x), y)
    if place == "loss":
        loss_fn(torch.ones(2, 3), torch.ones(5))
    loss.backward()
    optimizer.param_groups[0]["momentum"] = "high"
    optimizer.step()


PLACES = ("forward", "loss", "backward", "optimizer")


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("place", PLACES)
def test_an_exception_passes_through_and_leaves_no_hook(place: str, given: bool) -> None:
    parts = model, optimizer, loss_fn = setting()
    tables, names = hook_tables(*parts), attributes(*parts)
    vitals, _ = attach(model, optimizer if given else None, loss_fn=loss_fn)

    def loop() -> None:
        with vitals:
            train(model, optimizer, loss_fn, steps=2)
            stopped(place, parts)

    with pytest.raises((StopError, ValueError, RuntimeError, TypeError)):
        loop()
    assert hook_tables(*parts) == tables
    assert attributes(*parts) == names


@pytest.mark.parametrize("place", PLACES)
def test_a_loop_that_catches_the_exception_goes_on_and_is_recorded(place: str, caplog: pytest.LogCaptureFixture) -> None:
    parts = model, optimizer, loss_fn = setting()
    tables = hook_tables(*parts)
    vitals, sink = attach(model, optimizer, loss_fn=loss_fn, every=2)
    train(model, optimizer, loss_fn, steps=2)
    with pytest.raises((StopError, ValueError, RuntimeError, TypeError)):
        stopped(place, parts)
    optimizer.param_groups[0]["momentum"] = 0.9
    losses = train(model, optimizer, loss_fn, steps=2)
    mean = model[0](batch()[0]).mean().item()
    losses += train(model, optimizer, loss_fn, steps=2)
    vitals.close()
    assert sink.steps == [0, 2, 4]
    assert [sink.scalars(i)["loss/train"] for i in (1, 2)] == pytest.approx([losses[0], losses[2]])
    assert sink.scalars(2)["activation_mean/0"] == pytest.approx(mean, rel=1e-5)
    assert not any("#" in tag for tag in sink.scalars(2))
    assert hook_tables(*parts) == tables
    assert caplog.records == []


def test_a_step_that_an_exception_cut_short_is_written_as_far_as_it_came() -> None:
    model, optimizer, loss_fn = setting()
    vitals, sink = attach(model, optimizer, loss_fn=loss_fn)

    def loop() -> None:
        with vitals:
            train(model, optimizer, loss_fn, steps=2)
            loss_fn(model(batch()[0]), batch()[1])
            raise StopError

    with pytest.raises(StopError):
        loop()
    assert hooks_on(model, loss_fn, optimizer) == []
    assert sink.steps == [0, 1, 2]
    assert "loss/train" in sink.scalars(2)
    assert "grad_norm/0.weight" not in sink.scalars(2)


@pytest.mark.parametrize("told", [True, False], ids=["loss told", "loss not told"])
@pytest.mark.parametrize("place", [*PLACES, "between forward and backward", "between steps"])
def test_garbage_collection_of_what_was_never_closed_takes_every_hook_off_and_ends_the_log(place: str, told: bool) -> None:
    tables = hook_tables(*setting())

    def run() -> tuple[ListSink, weakref.ref[nn.Module]]:
        parts = model, optimizer, loss_fn = setting()
        _, sink = attach(model, optimizer, loss_fn=loss_fn if told else None)
        train(*parts, steps=2)
        if place == "between forward and backward":
            loss_fn(model(batch()[0]), batch()[1])
        elif place in PLACES:
            with contextlib.suppress(StopError, ValueError, RuntimeError, TypeError):
                stopped(place, parts)
        return sink, weakref.ref(model)

    try:
        sink, model = run()
        gc.collect()
        assert model() is None, "nothing of ours keeps it alive"
        assert sink.closed
        assert mode_stack() == []
        assert hook_tables(*setting()) == tables
    finally:
        while mode_stack():  # nothing else would ever take it off, and every later test would find it
            torch._C._pop_torch_function_stack()


def test_a_sink_that_fails_is_one_warning_and_the_training_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    undisturbed = train(*setting(), steps=5)
    parts = model, optimizer, loss_fn = setting()
    tables = hook_tables(*parts)
    vitals, sink = attach(model, optimizer, loss_fn=loss_fn)

    def write(record: StepRecord) -> None:
        raise OSError(f"disk full at step {record.step}")

    sink.write = write  # type: ignore[method-assign]
    with caplog.at_level(logging.WARNING, logger="torchvitals"):
        losses = train(model, optimizer, loss_fn, steps=5)
        assert hook_tables(*parts) == tables
        vitals.step(losses[-1])
        vitals.log(epoch=1)
        vitals.close()
    assert losses == undisturbed
    (record,) = caplog.records
    assert "disk full" in record.getMessage()
    assert "Training goes on" in record.getMessage()


def test_the_closed_recorder_stays_off(caplog: pytest.LogCaptureFixture) -> None:
    model, (x, y) = net(), batch()
    vitals, sink = attach(model)
    nn.CrossEntropyLoss()(model(x), y).backward()
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
    twins = (twin, copy.deepcopy(optimizer), pickle.loads(pickle.dumps(loss_fn)))
    assert hooks_on(model)
    assert hooks_on(*twins) == []
    assert torch.equal(twin(x), expected)
    before = dict(vitals._recorder._frame._readings)  # type: ignore[union-attr]
    nn.CrossEntropyLoss()(twin(2 * x), y).backward()
    after = vitals._recorder._frame._readings  # type: ignore[union-attr]
    assert [str(t) for t in after if t not in before or after[t] is not before[t]] == []
    vitals.close()
    assert len(sink.records) == 3


def save(folder: Path, *, given: bool) -> None:
    """Everything a loop may save, between a forward pass and its backward pass."""
    folder.mkdir()
    parts = model, optimizer, loss_fn = setting()
    plain = list(model.state_dict()), list(optimizer.state_dict())
    vitals, _ = attach(model, optimizer if given else None, loss_fn=loss_fn)
    train(*parts, steps=1)
    x, y = batch()
    loss = loss_fn(model(x), y)
    assert (list(model.state_dict()), list(optimizer.state_dict())) == plain
    torch.save(model, folder / "model.pt")
    torch.save(copy.deepcopy(model), folder / "deepcopy.pt")
    torch.save(model.state_dict(), folder / "state.pt")
    torch.save(optimizer, folder / "optimizer.pt")
    (folder / "loss.pkl").write_bytes(pickle.dumps(loss_fn))
    loss.backward()
    optimizer.step()
    vitals.close()


def test_what_is_saved_between_forward_and_backward_loads_where_torchvitals_is_not_installed(tmp_path: Path) -> None:
    folders = [tmp_path / "given", tmp_path / "discovered"]
    for folder in folders:
        save(folder, given=folder.name == "given")
    done = subprocess.run([sys.executable, "-c", LOAD, *folders], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_weights_alone_can_be_saved_and_loaded_while_armed() -> None:
    model, optimizer, loss_fn = setting()
    vitals, _ = attach(model, optimizer, loss_fn=loss_fn)
    train(model, optimizer, loss_fn, steps=1)
    loss_fn(model(batch()[0]), batch()[1]).backward()
    file = io.BytesIO()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    vitals.close()
    assert all(torch.equal(saved["model"][name], p) for name, p in model.state_dict().items())


class Counting(TorchFunctionMode):
    """The loop's own mode."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.append(getattr(func, "__name__", str(func)))
        return func(*args, **(kwargs or {}))


def is_on(mode: Any) -> bool:
    """Whether it is where the loop put it: on top, or for a device, whose context goes below all others, on the stack."""
    stack = mode_stack()
    return any(getattr(m, "device", None) == mode for m in stack) if isinstance(mode, torch.device) else stack[-1] is mode


def step(parts: Parts) -> None:
    train(*parts, steps=1)


def around(parts: Parts, mode: Any) -> None:
    """Entered before the forward pass, left after the update."""
    for _ in range(3):
        with mode:
            step(parts)
            assert is_on(mode)


def inside(parts: Parts, mode: Any) -> None:
    """Entered when the hooks of a measured step are on already, left before the update."""
    model, optimizer, loss_fn = parts
    for _ in range(3):
        x, y = batch()
        optimizer.zero_grad()
        outputs = model(x)
        with mode:
            loss = loss_fn(outputs, y)
            assert is_on(mode)
        loss.backward()
        optimizer.step()


def across(parts: Parts, mode: Any) -> None:
    """Entered in the middle of one step, left in the middle of another."""
    model, _, loss_fn = parts
    loss = loss_fn(model(batch()[0]), batch()[1])
    mode.__enter__()
    loss.backward()
    parts[1].step()
    step(parts)
    outputs = model(batch()[0])
    assert is_on(mode)
    mode.__exit__(None, None, None)
    loss_fn(outputs, batch()[1]).backward()
    parts[1].step()


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("enter", [around, inside, across])
@pytest.mark.parametrize("make", [Counting, lambda: torch.device("cpu")], ids=["function mode", "device"])
def test_modes_of_the_loop_stay_where_they_are(
    make: Callable[[], Any], enter: Callable[[Parts, Any], None], every: int
) -> None:
    plain = setting()
    enter(plain, make())
    parts = model, optimizer, loss_fn = setting()
    vitals, sink = attach(model, optimizer, loss_fn=loss_fn, every=every)
    enter(parts, make())
    assert mode_stack() == [], "our own is there from the forward pass to the update only"
    vitals.close()
    assert sink.steps == list(range(0, 3, every))
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), plain[0].parameters(), strict=True))
    assert "loss/train" in sink.scalars()


def test_a_mode_of_the_loop_sees_the_calls_of_the_loop_and_none_of_ours() -> None:
    seen = []
    for watched in (False, True):
        parts, mode = setting(), Counting()
        vitals = attach(*parts[:2], loss_fn=parts[2])[0] if watched else None
        around(parts, mode)
        if vitals is not None:
            vitals.close()
        seen.append(mode.seen)
    assert seen[0] == seen[1]


def test_two_watches_of_two_models_take_off_their_own_hooks_only() -> None:
    first, second = setting(), setting()
    tables = hook_tables(*second)
    watches = [attach(model, optimizer, loss_fn=loss_fn)[0] for model, optimizer, loss_fn in (first, second)]
    for parts in itertools.chain((first, second) * 2):
        step(parts)
    watches[0].close()
    assert hooks_on(*first) == []
    assert hooks_on(*second)
    watches[1].close()
    assert hook_tables(*second) == tables
