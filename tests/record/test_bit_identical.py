"""Attached or not, the training is the same to the last bit, and so is everything a user can see of the model."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from zoo import CLASSES, NETS

import torchvitals

STEPS = 26  # six more than the dense start
BATCH = 16
Watch = Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class Loop:
    """How a training is written."""

    net: str = "mlp"
    parts: int = 1  # backward passes of one step
    autocast: bool = False  # around the whole step, the optimizer's included
    scaler: bool | None = None  # whether it is enabled; None: there is none
    closure: bool = False
    functional_loss: bool = False  # and a watch that is given the model alone
    backend: str = ""  # of torch.compile


@dataclass(frozen=True, kw_only=True, eq=False)
class Trace:
    """Everything a training leaves behind."""

    losses: list[Tensor]
    state: dict[str, Tensor]
    buffers: dict[str, Tensor]
    gradients: list[Tensor | None]
    optimizer: dict[str, Any]
    scaler: dict[str, Any]
    random_state: Tensor
    modes: list[bool]
    trainable: list[bool]
    attributes: list[list[str]]
    backward_names: list[str]


def graph_of(loss: Tensor) -> list[str]:
    """The names of all nodes of the autograd graph, from the loss down."""
    names, stack, seen = [], [loss.grad_fn], set()
    while stack:
        node = stack.pop()
        if node is not None and node not in seen:
            seen.add(node)
            names.append(node.name())
            stack += [below for below, _ in node.next_functions]
    return names


def train(loop: Loop, watch: Watch | None) -> Trace:
    build, shape = NETS[loop.net]
    torch.manual_seed(0)
    plain = build()
    model = torch.compile(plain, backend=loop.backend) if loop.backend else plain
    loss_fn = F.cross_entropy if loop.functional_loss else nn.CrossEntropyLoss()
    next(plain.parameters()).requires_grad_(False)
    make = torch.optim.LBFGS if loop.closure else functools.partial(torch.optim.AdamW, weight_decay=0.1)
    optimizer = make([p for p in plain.parameters() if p.requires_grad], lr=1e-2)
    scaler = torch.amp.GradScaler("cpu", enabled=bool(loop.scaler), init_scale=1024.0, growth_interval=7)
    vitals = watch(model, optimizer, loss_fn) if watch else None
    losses, backward_names = [], []

    def backward() -> Tensor:
        optimizer.zero_grad()
        for _ in range(loop.parts):
            loss = loss_fn(model(x), y) / loop.parts
            backward_names.extend(graph_of(loss))
            (loss if loop.scaler is None else scaler.scale(loss)).backward()
        return loss

    def step() -> Tensor:
        if loop.closure:
            return optimizer.step(backward)
        loss = backward()
        if loop.scaler is not None:
            scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        if loop.scaler is None:
            optimizer.step()
        else:
            scaler.step(optimizer)
            scaler.update()
        return loss

    for _ in range(STEPS):
        x, y = torch.randn(BATCH, *shape), torch.randint(0, CLASSES, (BATCH,))
        with torch.autocast("cpu", torch.bfloat16) if loop.autocast else contextlib.nullcontext():
            losses.append(step().detach())
    if vitals is not None:
        vitals.close()
    modules = [*model.modules(), *([loss_fn] if isinstance(loss_fn, nn.Module) else [])]
    return Trace(
        losses=losses,
        state=model.state_dict(),
        buffers=dict(model.named_buffers()),
        gradients=[p.grad for p in model.parameters()],
        optimizer=optimizer.state_dict(),
        scaler=scaler.state_dict(),
        random_state=torch.get_rng_state(),
        modes=[m.training for m in modules],
        trainable=[p.requires_grad for p in model.parameters()],
        attributes=[sorted(vars(one)) for one in (*modules, optimizer, scaler)],
        backward_names=backward_names,
    )


def differences(a: Any, b: Any, place: str) -> Iterator[str]:
    """Where two nests of dicts, lists and tensors are not the same, NaN being the same as NaN."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        if a.dtype != b.dtype or not torch.equal(a.nan_to_num(7.0), b.nan_to_num(7.0)):
            yield place
    elif isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        for key in a:
            yield from differences(a[key], b[key], f"{place}.{key}")
    elif isinstance(a, list | tuple) and isinstance(b, list | tuple) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            yield from differences(x, y, f"{place}.{i}")
    elif type(a) is not type(b) or a != b:
        yield place


def changed(watched: Trace, plain: Trace) -> list[str]:
    return list(differences(vars(watched), vars(plain), "trace"))


def into(logdir: Path, **options: Any) -> Watch:
    def watch(model: nn.Module, optimizer: torch.optim.Optimizer, loss_fn: Any) -> Any:
        if not isinstance(loss_fn, nn.Module):
            return torchvitals.watch(model, logdir=logdir, **options)
        return torchvitals.watch(model, optimizer, logdir=logdir, loss_fn=loss_fn, **options)

    return watch


@functools.cache
def undisturbed(loop: Loop) -> Trace:
    return train(loop, None)


LOOPS: dict[str, Loop] = {
    **{net: Loop(net=net) for net in NETS},
    "functional_loss": Loop(net="functional", functional_loss=True),
    "accumulation": Loop(net="batch_norm_cnn", parts=3),
    "autocast": Loop(net="dropout_transformer", autocast=True),
    "autocast_lstm": Loop(net="lstm", autocast=True),
    "scaler": Loop(net="functional", autocast=True, scaler=True, functional_loss=True, parts=2),
    "disabled_scaler": Loop(net="mlp", scaler=False),
    "closure": Loop(net="mlp", closure=True),
}


@pytest.mark.parametrize("every", [1, 3, None])
@pytest.mark.parametrize("name", LOOPS)
def test_training_is_the_same_to_the_last_bit(name: str, every: int | None, tmp_path: Path) -> None:
    watched = train(LOOPS[name], into(tmp_path, every=every))
    assert changed(watched, undisturbed(LOOPS[name])) == []
    recorded = torchvitals.read(tmp_path)
    assert len(recorded.steps) >= STEPS // 3
    assert {"grad_norm", "activation_std", "loss"} <= recorded.measures
    assert "update_ratio" in recorded.measures


@pytest.mark.parametrize("name", ["batch_norm_cnn", "autocast", "autocast_lstm", "functional_loss"])
def test_a_probe_batch_leaves_no_trace(name: str, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(3)
    shape = NETS[LOOPS[name].net][1]
    probe = (torch.randn(4, *shape, generator=generator), torch.randint(0, CLASSES, (4,), generator=generator))
    watched = train(LOOPS[name], into(tmp_path, every=1, probe=probe))
    assert changed(watched, undisturbed(LOOPS[name])) == []
    if not LOOPS[name].functional_loss:  # that watch does not know what the loss is
        assert torchvitals.read(tmp_path).scalar("loss", "probe") is not None


@pytest.fixture
def _compiler() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()  # what was compiled here must not change what other tests see


@pytest.mark.usefixtures("_compiler")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # PyTorch's own, while it compiles
@pytest.mark.parametrize(
    ("backend", "net", "every"),
    [
        ("aot_eager", "functional", 1),
        ("aot_eager", "functional", 3),
        ("aot_eager", "functional", None),
        ("aot_eager", "batch_norm_cnn", 3),
        ("inductor", "mlp", 3),
    ],
)
def test_a_compiled_training_is_the_same_to_the_last_bit(backend: str, net: str, every: int | None, tmp_path: Path) -> None:
    loop = Loop(net=net, backend=backend)
    plain = train(loop, None)
    torch._dynamo.reset()
    assert changed(train(loop, into(tmp_path, every=every)), plain) == []
    assert {"grad_norm", "activation_std", "loss"} <= torchvitals.read(tmp_path).measures


@pytest.mark.parametrize("trace", ["random number", "attribute", "buffer"])
def test_the_comparison_sees(trace: str) -> None:
    def watch(model: nn.Module, *_: Any) -> None:
        if trace == "random number":
            torch.rand(1)
        elif trace == "attribute":
            model._seen = True  # type: ignore[assignment]
        else:
            model[1].running_var += 1.0  # type: ignore[index]

    found = changed(train(LOOPS["batch_norm_cnn"], watch), undisturbed(LOOPS["batch_norm_cnn"]))
    assert any(place.startswith("trace.attributes") for place in found) == (trace == "attribute")
    assert any(place.startswith("trace.buffers") for place in found) == (trace != "attribute")
