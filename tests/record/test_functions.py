"""Functions called inside modules: where they are seen, with which numbers, and that the mode stack stays the loop's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import pytest
import torch
from recording import ListSink, attach
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from twins import assert_recorded, moments_of, size

Activation = Callable[[Tensor], Tensor]
X = torch.randn(8, 4, generator=torch.Generator().manual_seed(3))


class Block(nn.Module):
    """A linear layer and a function behind it."""

    def __init__(self, function: Activation) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.linear(x))


def blocks(function: Activation, count: int = 4) -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential()
    model.block = nn.Sequential(*(Block(function) for _ in range(count)))
    return model


def recorded(model: nn.Module, x: Tensor = X, outer: AbstractContextManager[Any] | None = None) -> ListSink:
    """The records of two steps with the loss Σ outputs²; nothing moves."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    vitals, sink = attach(model, optimizer)
    with outer or nullcontext():
        for _ in range(2):
            optimizer.zero_grad()
            model(x).square().sum().backward()
            optimizer.step()
    vitals.close()
    return sink


FUNCTIONS: list[tuple[Activation, str]] = [
    (F.relu, "relu"),
    (lambda x: F.relu(x, inplace=True), "relu"),
    (torch.relu, "relu"),
    (lambda x: x.clamp(min=0), "relu"),
    (lambda x: torch.clamp(x, 0), "relu"),
    (lambda x: x.clamp_min(0.0), "relu"),
    (torch.tanh, "tanh"),
    (lambda x: x.tanh(), "tanh"),
    (Tensor.sigmoid, "sigmoid"),
    (F.sigmoid, "sigmoid"),
    (F.gelu, "gelu"),
    (F.silu, "silu"),
    (lambda x: F.leaky_relu(x, 0.2), "leaky_relu"),
    (lambda x: F.softmax(x, dim=-1), "softmax"),
    (lambda x: x.log_softmax(-1), "log_softmax"),
]


@pytest.mark.parametrize(("function", "kind"), FUNCTIONS)
def test_a_function_in_a_block_has_a_place_and_its_numbers(function: Activation, kind: str) -> None:
    model = blocks(function)
    sink = recorded(model)
    x, expected, outputs = X, {}, []
    for i, block in enumerate(model.block):
        x = function(block.linear(x))  # type: ignore[union-attr, operator]
        x.retain_grad()
        outputs.append(x)
        expected |= moments_of(f"block.{i}/{kind}#0", x)
    x.square().sum().backward()
    expected |= {f"activation_grad_norm/block.{i}/{kind}#0": size(a.grad) for i, a in enumerate(outputs)}  # type: ignore[arg-type]
    assert_recorded(sink, -1, expected)
    assert {m.name: m.activation for m in sink.manifests[-1].modules}["block.3/" + kind + "#0"] == kind


def test_a_rectifier_called_as_a_function_has_firing_rates() -> None:
    model = blocks(F.relu, 1)
    fires = (model.block[0].linear(X) > 0).double().mean(0)  # type: ignore[index, union-attr, operator]
    sink = recorded(model)
    assert sink.vectors()["firing_rate/block.0/relu#0"] == pytest.approx(fires.tolist())


@pytest.mark.parametrize("function", [lambda x: x.clamp(min=0.1), lambda x: x.clamp(0, 6), lambda x: x.abs(), lambda x: x + 1])
def test_a_function_that_is_no_activation_is_not_shown(function: Activation) -> None:
    assert not any("#" in tag for tag in recorded(blocks(function)).scalars())


def test_calls_are_numbered_within_their_module() -> None:
    def twice(x: Tensor) -> Tensor:
        return torch.tanh(F.relu(torch.tanh(x)))

    model = blocks(twice, 1)
    sink = recorded(model)
    a = model.block[0].linear(X).tanh()  # type: ignore[index, union-attr, operator]
    expected = {
        **moments_of("block.0/tanh#0", a),
        **moments_of("block.0/relu#0", a.relu()),
        **moments_of("block.0/tanh#1", a.relu().tanh()),
    }
    assert_recorded(sink, -1, expected)


def test_an_activation_module_is_not_shown_a_second_time_as_the_function_it_calls() -> None:
    torch.manual_seed(0)
    sink = recorded(nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Softmax(-1)))
    assert {t.partition("/")[2] for t in sink.scalars() if t.startswith("activation_mean")} == {"0", "1", "2"}


class Attending(nn.Module):
    """Two heads over keys that four queries share."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.project = nn.Linear(4, 12)

    def parts(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(t.unflatten(-1, (2, 2)).transpose(1, 2) for t in self.project(x).chunk(3, dim=-1))

    def forward(self, x: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(*self.parts(x), is_causal=True)


def entropy_of(logits: Tensor, seen: Tensor) -> float:
    """Mean of −Σ a·ln a / ln n over the rows that see n > 1 keys."""
    a = logits.double().masked_fill(~seen, -torch.inf).softmax(-1)
    entropy = torch.special.entr(a).sum(-1)
    counts = seen.expand_as(logits).sum(-1)
    return (entropy[counts > 1] / counts[counts > 1].log()).mean().item()


def test_scaled_dot_product_attention() -> None:
    model, x = Attending(), torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(1))
    sink = recorded(model, x)
    query, key, _ = model.parts(x)
    logits = (query.double() @ key.double().mT / 2**0.5).detach()
    seen = torch.ones(5, 5, dtype=torch.bool).tril()
    expected = {
        "attention_entropy/attention#0": entropy_of(logits, seen),
        "attention_max_logit/attention#0": logits.abs().masked_fill(~seen, 0).max().item(),
    }
    assert_recorded(sink, 0, expected)


@pytest.mark.parametrize("batch_first", [True, False])
def test_multihead_attention_and_a_transformer_encoder(batch_first: bool) -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(4, 2, dim_feedforward=6, dropout=0.0, batch_first=batch_first)
    model = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    x = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(1))
    x = x if batch_first else x.transpose(0, 1)
    sink = recorded(model, x)
    expected, a = {}, x
    everything = torch.ones(5, 5, dtype=torch.bool)
    for i, one in enumerate(model.layers):
        assert isinstance(one, nn.TransformerEncoderLayer)
        rows = a if batch_first else a.transpose(0, 1)
        packed = F.linear(rows, one.self_attn.in_proj_weight, one.self_attn.in_proj_bias)
        query, key = (t.unflatten(-1, (2, 2)).transpose(1, 2) for t in packed.chunk(3, -1)[:2])
        logits = (query @ key.mT).detach() / 2**0.5
        expected[f"attention_entropy/layers.{i}.self_attn/attention#0"] = entropy_of(logits, everything)
        attended = one.norm1(a + one.self_attn(a, a, a, need_weights=False)[0])
        hidden = one.linear1(attended)
        expected |= moments_of(f"layers.{i}/relu#0", hidden.relu()) | moments_of(f"layers.{i}.linear1", hidden)
        a = one(a)
        expected |= moments_of(f"layers.{i}.norm2", a)
    assert_recorded(sink, 0, expected, rel=1e-4)


class Counting(TorchFunctionMode):
    """A mode of the loop's own: counts what it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.append(getattr(func, "__name__", str(func)))
        return func(*args, **(kwargs or {}))


def stack() -> list[Any]:
    return [torch._C._get_function_stack_at(i) for i in range(torch._C._len_torch_function_stack())]


@contextmanager
def unchanged() -> Iterator[None]:
    before = stack()
    yield
    assert [id(mode) for mode in stack()] == [id(mode) for mode in before]


@pytest.fixture(autouse=True)
def _no_mode_is_left() -> Iterator[None]:
    assert stack() == []
    yield
    while torch._C._len_torch_function_stack():
        torch._C._pop_torch_function_stack()


PLACES = ("around", "forward", "loss", "forward to update", "inside")


class Entering(Block):
    """Enters a mode of its own while it runs."""

    def forward(self, x: Tensor) -> Tensor:
        with Counting() as mode:
            y = super().forward(x)
        assert "linear" in mode.seen
        return y


def loop(model: nn.Module, mode: Callable[[], AbstractContextManager[Any]], place: str, *, watched: bool) -> list[list[float]]:
    """Two steps, with a mode entered somewhere; the activations recorded, one list a step, if anything is."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    vitals, sink = attach(model, optimizer) if watched else (None, ListSink())
    with unchanged():
        for _ in range(2):
            optimizer.zero_grad()
            with mode() if place == "around" else nullcontext(), mode() if place == "forward to update" else nullcontext():
                with mode() if place == "forward" else nullcontext():
                    out = model(X)
                with mode() if place == "loss" else nullcontext():
                    loss = out.square().sum()
                loss.backward()
                optimizer.step()
    if vitals is not None:
        vitals.close()
    names = ("activation_mean/block.1/tanh#0", "loss/train", "grad_norm/block.0.linear.weight")
    return [[sink.scalars(i)[n] for n in names] for i in range(len(sink.records))]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("make", [Counting, lambda: torch.device("cpu")], ids=["mode", "device"])
def test_modes_of_the_loop_come_and_go_as_without_us(make: Callable[[], AbstractContextManager[Any]], place: str) -> None:
    def model() -> nn.Sequential:
        made = blocks(torch.tanh, 2)
        if place == "inside":
            torch.manual_seed(0)
            made.block = nn.Sequential(Entering(torch.tanh), Entering(torch.tanh))
        return made

    plain = loop(model(), nullcontext, "nowhere", watched=True)
    assert loop(model(), make, place, watched=True) == plain


def test_a_mode_of_the_loop_sees_nothing_of_what_we_compute() -> None:
    seen = []
    for watched in (True, False):
        mode = Counting()
        loop(blocks(torch.tanh, 2), lambda mode=mode: mode, "forward to update", watched=watched)  # type: ignore[misc]
        seen.append(mode.seen)
    ours, theirs = seen
    assert "tanh" in theirs
    assert ours == theirs


@pytest.mark.parametrize("early", [True, False], ids=["before", "in the middle"])
def test_a_default_device_stays_what_it_is(early: bool) -> None:
    model = blocks(F.relu, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    vitals, sink = attach(model, optimizer)
    try:
        if early:
            torch.set_default_device("meta")
        out = model(X)
        torch.set_default_device("meta")
        assert torch.empty(1).device.type == "meta"
        out.square().sum().backward()
        optimizer.step()
        assert torch.empty(1).device.type == "meta"
    finally:
        torch.set_default_device(None)
    vitals.close()
    assert stack() == []
    assert_recorded(sink, 0, {**moments_of("block.0/relu#0", out), "loss/train": out.square().sum().item()})


def test_an_exception_leaves_no_mode_on_the_stack_after_the_next_update_or_the_end() -> None:
    def fail(_: Tensor) -> Tensor:
        raise ValueError("a bad batch")

    model = blocks(fail, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    vitals, sink = attach(model, optimizer)
    with pytest.raises(ValueError, match="bad batch"):
        model(X)
    model.block[0].function = F.relu  # type: ignore[index, union-attr, assignment]
    out = model(X)
    out.square().sum().backward()
    optimizer.step()
    assert stack() == []
    model.block[0].function = fail  # type: ignore[index, union-attr, assignment]
    with pytest.raises(ValueError, match="bad batch"):
        model(X)
    vitals.close()
    assert stack() == []
    assert_recorded(sink, 0, moments_of("block.0/relu#0", out))
