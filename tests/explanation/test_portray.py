"""A portrait leaves the network as it is, and says in words what it could not make."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from torchvitals.core.exhibits import Exhibits
from torchvitals.core.tag import Tag
from torchvitals.explanation import replica as replica_module
from torchvitals.explanation.looks import LOOKS, MEASURES, Look
from torchvitals.explanation.pace import Pace
from torchvitals.explanation.portray import LEFT_OUT, Portraitist, portray
from torchvitals.explanation.replica import replica

CHEAP = LOOKS[:4]  # what is looked at in this half of the package


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(), nn.Linear(144, 3))


def probe() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(6, 1, 8, 8, generator=generator), torch.arange(6) % 3


def tags(found: Exhibits) -> set[str]:
    return {t.measure for group in (found.scalars, found.vectors, found.tensors, found.images) for t, _ in group}


def test_everything_there_is_to_see() -> None:
    found = portray(net(), *probe(), loss_fn=nn.CrossEntropyLoss())
    assert found.problems == ()
    assert {"filters", "feature_maps", "filter_activity", "embedding_values", "probe_accuracy", "grad_cam_values"} <= tags(
        found
    )
    assert tags(found) <= {m.name for m in MEASURES}
    assert len({m.name for m in MEASURES}) == len(MEASURES)
    named = [t for group in (found.scalars, found.vectors, found.tensors, found.images) for t, _ in group]
    assert len(named) == len(set(named))
    for array in [a for _, a in (*found.vectors, *found.tensors)]:
        assert array.dtype == np.float32
        assert array.nbytes <= 256 * 1024
    assert all(pixels.dtype == np.uint8 for _, pixels in found.images)


def test_without_a_probe_only_filters() -> None:
    assert tags(portray(net())) == {"filters", "filter_weights"}


def test_the_copy_is_in_eval_mode_and_without_hooks() -> None:
    model = net().train()
    model[0].register_forward_hook(lambda *_: pytest.fail("a hook ran"))
    model[2].register_forward_pre_hook(lambda *_: pytest.fail("a hook ran"))
    model.register_full_backward_hook(lambda *_: pytest.fail("a hook ran"))
    copied = replica(model)
    assert not any(m.training for m in copied.modules())
    assert len(model[0]._forward_hooks) == 1
    copied(probe()[0]).sum().backward()
    assert all(p.grad is None for p in model.parameters())
    copied[0].register_forward_hook(lambda *_: None)
    assert len(model[0]._forward_hooks) == 1
    for a, b in zip(model.state_dict().values(), copied.state_dict().values(), strict=True):
        assert torch.equal(a, b)
        assert a.data_ptr() != b.data_ptr()


def test_what_is_no_part_of_the_network_is_not_copied() -> None:
    model = net()
    model.optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.data = TensorDataset(torch.zeros(3))
    model.seen = [1, 2]
    copied = replica(model)
    assert copied.optimizer is model.optimizer
    assert copied.data is model.data
    assert copied.seen == [1, 2]
    assert copied.seen is not model.seen


def test_weights_that_a_hook_computes_are_copied() -> None:
    model = nn.Sequential(nn.Linear(4, 3))
    with pytest.warns(FutureWarning):
        nn.utils.weight_norm(model[0])
    x = torch.randn(2, 4)
    expected = model(x).detach()
    with pytest.raises(RuntimeError):
        copy.deepcopy(model)
    assert torch.equal(replica(model)(x), expected)


@pytest.fixture
def _compiler() -> Iterator[None]:
    yield
    torch._dynamo.reset()  # what was compiled here must not change what other tests see


@pytest.mark.usefixtures("_compiler")
@pytest.mark.parametrize("inside", [False, True])
def test_what_was_compiled_runs_uncompiled(inside: bool) -> None:
    def never(*_: Any) -> Any:
        pytest.fail("it was compiled")

    plain = net().eval()
    model = nn.Sequential(torch.compile(plain, backend=never)) if inside else torch.compile(plain, backend=never)
    copied = replica(model)
    assert torch.equal(copied(probe()[0]), plain(probe()[0]))
    assert not any("_orig_mod" in name for name, _ in copied.named_modules())
    name = "0.0" if inside else "0"
    assert f"feature_maps/{name}" in [str(t) for t, _ in portray(model, *probe(), looks=CHEAP).images]
    assert [str(t) for t, _ in portray(model).tensors] == [f"filter_weights/{name}"]


def test_a_parallel_wrapper_keeps_its_names() -> None:
    model = nn.DataParallel(net())
    assert "feature_maps/module.0" in [str(t) for t, _ in portray(model, *probe(), looks=CHEAP).images]


class Uncopied(nn.Module):
    """Cannot be copied."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)

    def __deepcopy__(self, memo: dict[int, Any]) -> Uncopied:
        raise TypeError("not me")


class Stubborn(nn.Module):
    """Can only be trained."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            raise ValueError("I am never evaluated")
        return self.conv(x)


@pytest.mark.parametrize(("model", "reason"), [(Uncopied(), "TypeError: not me"), (Stubborn(), "ValueError: I am never")])
def test_where_no_copy_runs_filters_are_shown_and_the_reason(model: nn.Module, reason: str) -> None:
    found = portray(model, *probe())
    assert tags(found) == {"filters", "filter_weights"}
    (problem,) = found.problems
    assert reason in problem
    assert problem.startswith("what was learned: only filters are shown, because ")


def test_a_large_network_is_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica_module, "LARGEST", 100)
    found = portray(net(), *probe())
    assert tags(found) == {"filters", "filter_weights"}
    assert "no copy of more than 100 is made" in found.problems[0]


def test_a_look_that_raises_leaves_the_others() -> None:
    def raising(sitting: object) -> Exhibits:
        raise ImportError("no such module") if sitting else AssertionError

    def seeing(_: object) -> Exhibits:
        return Exhibits(scalars=((Tag(measure="seen", subject="model"), 1.0),))

    found = portray(net(), *probe(), looks=[Look(name="first", see=raising), Look(name="second", see=seeing)])
    assert found.problems == ("first: ImportError: no such module",)
    assert tags(found) == {"seen"}


def test_a_probe_that_is_changed_in_place_stays_as_it_is() -> None:
    model = nn.Sequential(nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(64, 3))
    x, y = probe()
    before = x.clone()
    portray(model, x, y, loss_fn=nn.CrossEntropyLoss())
    assert torch.equal(x, before)
    assert not x.requires_grad


def test_looks_that_would_take_too_long_are_left_out() -> None:
    made = []

    def look(name: str, least_s: float) -> Look:
        return Look(name=name, see=lambda _: (made.append(name), Exhibits())[1], least_s=least_s)

    looks, pace = [look("cheap", 0.0), look("dear", 1e6)], Pace()
    found = portray(net(), *probe(), looks=looks, seconds=100.0, pace=pace)
    assert made == ["cheap"]
    assert found.problems == (f"dear: {LEFT_OUT}",)
    portray(net(), *probe(), looks=looks, seconds=math.inf, pace=pace)
    assert made == ["cheap", "cheap", "dear"]
    assert portray(net(), *probe(), looks=looks, seconds=100.0, pace=pace).problems == (), "it is known to be quick"
    assert made[-1] == "dear"


def test_when_there_is_something_to_show() -> None:
    linear = nn.Sequential(nn.Linear(4, 3))
    assert not Portraitist(linear, None, None).worthwhile
    assert Portraitist(linear, (torch.zeros(2, 4), None), None).worthwhile
    assert Portraitist(net(), None, None).worthwhile
