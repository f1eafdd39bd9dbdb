"""Compiled models: no graph more than without us, activations from the uncompiled model beside it, the rest as ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from recording import attach, batch, hooks_on, net
from torch import Tensor, nn
from torch._dynamo.utils import counters
from torch.nn import functional as F
from twins import Twin, assert_recorded, gradients_of, moments_of

STEPS = 4
X, Y = batch()


@pytest.fixture(autouse=True)
def _fresh_dynamo() -> Iterator[None]:
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()
    counters.clear()


def graphs() -> int:
    return int(counters["stats"]["unique_graphs"])


class Dropping(nn.Module):
    """Batch norm, dropout and a function: what a second pass over the model could disturb."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.norm, self.drop, self.head = nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.3), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.drop(F.relu(self.norm(self.first(x)))))


class Chain(nn.Sequential):
    """With a forward of its own: the compiler leaves code of torch.nn alone, so that `nn.Sequential.compile` does nothing."""

    def forward(self, x: Tensor) -> Tensor:
        for module in self:
            x = module(x)
        return x


def chain() -> Chain:
    return Chain(*net())


def sgd(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.1)


def outermost(model: nn.Module, backend: str) -> nn.Module:
    return torch.compile(model, backend=backend)  # type: ignore[return-value]


def in_place(model: nn.Module, backend: str) -> nn.Module:
    model.compile(backend=backend)
    return model


Compile = Callable[[nn.Module, str], nn.Module]
WAYS = pytest.mark.parametrize("compiled", [outermost, in_place])


def train(model: nn.Module, *, every: int | None, parts: int = 1) -> tuple[list[float], list[Tensor], Any]:
    """Losses and final weights of a training with dropout; `every` None: not watched."""
    optimizer = sgd(model.parameters())
    vitals, sink = attach(model, optimizer, every=every) if every else (None, None)
    torch.manual_seed(1)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        for x, y in zip(X.chunk(parts), Y.chunk(parts), strict=True):
            loss = F.cross_entropy(model(x), y)
            (loss / parts).backward()
        optimizer.step()
        losses.append(loss.item())
    if vitals is not None:
        vitals.close()
    return losses, [p.detach().clone() for p in model.state_dict().values()], sink


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # inductor's own, on its first import
@pytest.mark.parametrize(
    ("compiled", "backend", "every"),
    [(outermost, "aot_eager", 1), (outermost, "aot_eager", 2), (in_place, "aot_eager", 2), (outermost, "inductor", 2)],
)
def test_the_training_is_the_same_to_the_last_bit_and_compiles_no_graph_more(
    compiled: Compile, backend: str, every: int
) -> None:
    plain_losses, plain, _ = train(compiled(Dropping(), backend), every=None)
    count = graphs()
    torch._dynamo.reset()
    counters.clear()
    losses, weights, sink = train(compiled(Dropping(), backend), every=every)
    assert count == 1
    assert graphs() == count
    assert losses == plain_losses
    assert all(torch.equal(a, b) for a, b in zip(weights, plain, strict=True))
    assert sink.steps == list(range(0, STEPS, every))
    assert sink.series("loss/train") == pytest.approx(losses[::every])


@WAYS
def test_the_numbers_of_a_compiled_model(compiled: Compile) -> None:
    model = chain()
    twin = Twin(model, sgd)
    model = compiled(model, "aot_eager")
    optimizer = sgd(model.parameters())
    vitals, sink = attach(model, optimizer, loss_fn=F.cross_entropy)
    expected = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        F.cross_entropy(model(X), Y).backward()
        optimizer.step()

        assert twin.optimizer is not None
        twin.optimizer.zero_grad()
        loss = F.cross_entropy(twin.layers(X), Y)
        loss.backward()
        twin.update()
        more = {"loss/train": loss.item(), "gradient_carryover/model": 0.0, "clip_ratio/model": 1.0}
        expected.append({**twin.take(), **more})
    vitals.close()
    for i, step in enumerate(expected):
        assert_recorded(sink, i, step, without="activation_grad_norm")
    manifest = sink.manifests[-1]
    assert [m.name for m in manifest.modules if m.fired] == ["0", "1", "2"]
    assert {u.subject for u in manifest.unseen} == {"activation gradients"}
    assert hooks_on(model, optimizer) == []


def test_functions_of_a_compiled_model_and_accumulation() -> None:
    model = Dropping()
    model.drop.p = 0.0
    twin = Twin(model, sgd).model
    losses, _, sink = train(outermost(model, "aot_eager"), every=2, parts=2)
    assert graphs() == 1
    assert isinstance(twin, Dropping)
    first = twin.first(X.chunk(2)[1])
    a = F.relu(F.batch_norm(first, None, None, twin.norm.weight, twin.norm.bias, training=True))
    expected = {**moments_of("first", first), **moments_of("relu#0", a), "loss/train": losses[0]}
    assert_recorded(sink, 0, expected)
    assert sink.series("loss/train") == pytest.approx(losses[::2])


def test_light_steps_and_accumulation_compile_nothing_more() -> None:
    """With a budget some steps are looked at for loss and gradient norm only."""
    model = outermost(chain(), "aot_eager")
    optimizer = sgd(model.parameters())
    vitals, sink = attach(model, optimizer, every=None)
    true = []
    for _ in range(60):
        optimizer.zero_grad()
        for _ in range(2):
            loss = F.cross_entropy(model(X), Y)
            loss.backward()
        optimizer.step()
        true.append(loss.item())
    vitals.close()
    assert graphs() == 1
    assert sink.series("loss/train") == pytest.approx([true[step] for step in sink.steps])


@WAYS
def test_an_evaluation_between_forward_and_update_compiles_what_it_would_without_us(compiled: Compile) -> None:
    counts = []
    for every in (None, 1):
        torch._dynamo.reset()
        counters.clear()
        model = compiled(chain(), "aot_eager")
        optimizer = sgd(model.parameters())
        vitals = attach(model, optimizer, every=every)[0] if every else None
        for _ in range(3):
            loss = F.cross_entropy(model(X), Y)
            loss.backward()
            with torch.no_grad():
                assert model(X).shape == (8, 3)
            optimizer.step()
        if vitals is not None:
            vitals.close()
        counts.append(graphs())
    assert counts[1] == counts[0]


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")  # the compiler's own
def test_a_part_compiled_for_itself_stays_whole_and_the_log_names_it() -> None:
    model = nn.Sequential(nn.Linear(4, 4), chain(), nn.Tanh())
    twin = Twin(model, sgd)
    model[1].compile(backend="aot_eager")  # type: ignore[operator]
    optimizer = sgd(model.parameters())
    vitals, sink = attach(model, optimizer, loss_fn=nn.CrossEntropyLoss(), every=2)
    loss_fn = vitals._loss_fn
    assert loss_fn is not None
    for _ in range(3):
        optimizer.zero_grad()
        loss_fn(model(X), Y).backward()
        optimizer.step()
    vitals.close()
    assert graphs() == 1
    a = twin.model[0](X)  # type: ignore[index, operator]
    b = twin.model[1](a).tanh()  # type: ignore[index, operator]
    F.cross_entropy(b, Y).backward()
    assert_recorded(sink, 0, {**moments_of("0", a), **moments_of("2", b), **gradients_of(twin.model)})
    assert not any(tag.startswith("activation_mean/1") for tag in sink.scalars(0))
    unseen = {u.subject for u in sink.manifests[-1].unseen}
    assert {"1", "functions"} <= unseen


def test_a_compiled_training_step_is_compiled_once_more_and_its_gradients_are_seen() -> None:
    counts, series = [], []
    for every in (None, 1):
        torch._dynamo.reset()
        counters.clear()
        model = chain()
        step = torch.compile(lambda x, y, m=model: F.cross_entropy(m(x), y), backend="aot_eager")
        optimizer = sgd(model.parameters())
        vitals, sink = attach(model, optimizer, every=every) if every else (None, None)
        norms = []
        for _ in range(5):
            optimizer.zero_grad()
            step(X, Y).backward()
            norms.append(gradients_of(model)["grad_norm/0.weight"])
            optimizer.step()
        counts.append(graphs())
        if vitals is not None and sink is not None:
            vitals.close()
            series = sink.series("grad_norm/0.weight")
            assert {"functions", "activations"} <= {u.subject for u in sink.manifests[-1].unseen}
    assert series == pytest.approx(norms)
    assert counts == [1, 2]  # once more with the hooks of the first step in it, never again


@WAYS
def test_a_model_compiled_after_watch_compiles_at_most_once_more(compiled: Compile) -> None:
    model = chain()
    optimizer = sgd(model.parameters())
    vitals, sink = attach(model, optimizer)
    fast = compiled(model, "aot_eager")
    for _ in range(STEPS):
        optimizer.zero_grad()
        F.cross_entropy(fast(X), Y).backward()
        optimizer.step()
    vitals.close()
    assert graphs() <= 2
    assert len(sink.series("grad_norm/0.weight")) == STEPS
    assert len(sink.series("activation_rms/1")) >= STEPS - 1


def test_a_model_that_only_runs_compiled_is_recorded_without_activations_and_the_log_says_why() -> None:
    class Moody(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = chain()

        def forward(self, x: Tensor) -> Tensor:
            if not torch.is_grad_enabled():
                raise ValueError("not without gradients")
            return self.net(x)

    model = outermost(Moody(), "aot_eager")
    optimizer = sgd(model.parameters())
    vitals, sink = attach(model, optimizer)
    true = []
    for _ in range(3):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(X), Y)
        loss.backward()
        optimizer.step()
        true.append(loss.item())
    vitals.close()
    assert sink.series("loss/train") == pytest.approx(true)
    assert not any(tag.startswith("activation_") for tag in sink.scalars())
    (reason,) = [u.reason for u in sink.manifests[-1].unseen if u.subject == "activation gradients"]
    assert "ValueError: not without gradients" in reason


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_compiled_model_on_a_cuda_device() -> None:
    model = outermost(chain().cuda(), "inductor")
    optimizer = sgd(model.parameters())
    vitals, sink = attach(model, optimizer)
    true = []
    for _ in range(3):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(X.cuda()), Y.cuda())
        loss.backward()
        optimizer.step()
        true.append(loss.item())
    vitals.close()
    assert graphs() == 1
    assert sink.series("loss/train") == pytest.approx(true)
    assert len(sink.series("activation_rms/1")) == 3
