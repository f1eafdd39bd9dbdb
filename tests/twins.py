"""The same training beside the recorded one, looked at by hand: plain copies, `retain_grad`, `torch.linalg`."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence

import pytest
import torch
from recording import ListSink
from torch import Tensor, nn, optim

Make = Callable[[Iterable[nn.Parameter]], optim.Optimizer]


def size(x: Tensor) -> float:
    """L2 norm in float64."""
    return torch.linalg.vector_norm(x.detach().double()).item()


def whole(tensors: Iterable[Tensor]) -> Tensor:
    """All elements of several tensors, end to end."""
    return torch.cat([t.detach().double().flatten() for t in tensors])


class Twin:
    """A copy of a model and an optimizer of its own. `expected` is filled with what the log should hold of a step."""

    def __init__(self, model: nn.Module, make: Make | None = None) -> None:
        self.model = copy.deepcopy(model)
        self.optimizer = make(self.model.parameters()) if make else None
        self.expected: dict[str, float] = {}
        self._kept: dict[str, Tensor] = {}

    def keep(self, name: str, activation: Tensor) -> Tensor:
        """An activation whose gradient is wanted, too."""
        if activation.requires_grad and not activation.is_leaf:
            activation.retain_grad()
        self._kept[name] = activation
        self.expected |= moments_of(name, activation)
        return activation

    def layers(self, x: Tensor) -> Tensor:
        """Run a sequential model child by child, keeping every output."""
        for name, module in self.model.named_children():
            x = self.keep(name, module(x))
        return x

    def backward(self, loss: Tensor) -> None:
        """Run backward and note the norms of the gradients that come back to the activations."""
        loss.backward()
        came_back = {n: a.grad for n, a in self._kept.items() if a.grad is not None}
        self.expected |= {f"activation_grad_norm/{n}": size(g) for n, g in came_back.items()}
        self._kept.clear()

    def update(self, step: Callable[[], object] | None = None) -> None:
        """Step, and note the gradients as they are applied and how far the weights move."""
        self.expected |= gradients_of(self.model)
        before = {n: p.detach().clone() for n, p in self.model.named_parameters()}
        assert self.optimizer is not None
        (step or self.optimizer.step)()
        self.expected |= moves_of(self.model, before)

    def take(self) -> dict[str, float]:
        """What was noted since the last time."""
        expected, self.expected = self.expected, {}
        return expected


def moments_of(name: str, activation: Tensor) -> dict[str, float]:
    """Mean and root mean square."""
    a = activation.detach().double()
    return {f"activation_mean/{name}": a.mean().item(), f"activation_rms/{name}": a.square().mean().sqrt().item()}


def gradients_of(model: nn.Module, *, subject: str = "model") -> dict[str, float]:
    """Norm of each gradient there is, and of all together."""
    gradients = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    norms = {f"grad_norm/{n}": size(g) for n, g in gradients.items()}
    return {**norms, f"global_grad_norm/{subject}": size(whole(gradients.values()))}


def moves_of(model: nn.Module, before: Mapping[str, Tensor]) -> dict[str, float]:
    """How far each parameter has moved, relative to its size."""
    moved = {n: size(p.detach().double() - before[n].double()) for n, p in model.named_parameters()}
    return {f"update_ratio/{n}": moved[n] / size(old) for n, old in before.items()}


def noise_of(gradients: Sequence[Tensor]) -> float:
    """tr Σ / ‖G‖² of k micro-batches, from the sample covariance: an unbiased estimate of each part."""
    g = torch.stack(list(gradients))
    trace = g.var(dim=0, correction=1).sum()
    return (trace / (g.mean(dim=0).square().sum() - trace / len(g))).item()


def assert_recorded(sink: ListSink, index: int, expected: Mapping[str, float], *, rel: float = 2e-5, without: str = "") -> None:
    """Everything expected is in the log at that record, with that number; nothing of the measure `without` is."""
    assert expected
    found = sink.scalars(index)
    assert expected.keys() - found.keys() == set()
    wrong = {t: (found[t], value) for t, value in expected.items() if found[t] != pytest.approx(value, rel=rel, abs=1e-6)}
    assert not wrong, str(wrong)
    assert not without or not any(tag.startswith(without) for tag in found)
