"""What the tests of the recording half share: small nets, a sink that keeps what it is given, and a look at the hooks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn, optim
from torch.optim import optimizer as optimizer_module

from torchvitals.core.histogram import Histogram
from torchvitals.core.manifest import Manifest
from torchvitals.core.step_record import StepRecord
from torchvitals.core.tag import Tag
from torchvitals.record.arguments import optimizers_of
from torchvitals.record.hooks import Hook
from torchvitals.record.instrument import Reading
from torchvitals.record.watch import Vitals


class ListSink:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.records: list[StepRecord] = []
        self.manifests: list[Manifest] = []
        self.texts: dict[str, str] = {}
        self.images: dict[str, NDArray[np.uint8]] = {}
        self.text_steps: list[int] = []  # of manifests, texts and images
        self.closed = False

    def write(self, record: StepRecord) -> None:
        self.records.append(record)

    def write_manifest(self, manifest: Manifest, step: int) -> None:
        self.manifests.append(manifest)
        self.text_steps.append(step)

    def write_text(self, tag: Tag, markdown: str, step: int) -> None:
        self.texts[str(tag)] = markdown
        self.text_steps.append(step)

    def write_image(self, tag: Tag, array: NDArray[np.uint8], step: int) -> None:
        self.images[str(tag)] = array
        self.text_steps.append(step)

    def flush(self) -> None:
        """Nothing to bring anywhere."""

    def close(self) -> None:
        self.closed = True

    @property
    def steps(self) -> list[int]:
        return [r.step for r in self.records]

    def scalars(self, index: int = -1) -> dict[str, float]:
        return {str(tag): value for tag, value in self.records[index].scalars}

    def vectors(self, index: int = -1) -> dict[str, list[float]]:
        return {str(tag): value.tolist() for tag, value in self.records[index].vectors}

    def histograms(self, index: int = -1) -> dict[str, Histogram]:
        return {str(tag): value for tag, value in self.records[index].histograms}

    def series(self, tag: str) -> list[float]:
        return [scalars[tag] for i in range(len(self.records)) if tag in (scalars := self.scalars(i))]


def attach(
    model: nn.Module,
    optimizer: optim.Optimizer | Sequence[optim.Optimizer] | None = None,
    *,
    loss_fn: Callable[..., Any] | None = None,
    every: int | None = 1,
    probe: tuple[Tensor, Tensor] | None = None,
) -> tuple[Vitals, ListSink]:
    """Watch a model into a list."""
    sink = ListSink()
    options: dict[str, Any] = {"every": every, "probe": probe, "overhead": 0.02, "on_close": None}
    return Vitals(model, optimizers_of(optimizer), sink=sink, loss_fn=loss_fn, **options), sink


def hooks_on(model: nn.Module, *others: nn.Module | optim.Optimizer) -> list[object]:
    """Every hook of ours that is on: on modules, parameters, optimizers, and on all optimizers of the process."""
    modules = [m for one in (model, *others) if isinstance(one, nn.Module) for m in one.modules()]
    groups = [group for m in modules for group in (m._forward_hooks, m._forward_pre_hooks, m._backward_hooks)]
    groups += [p._backward_hooks or {} for m in modules for p in m.parameters(recurse=False)]
    for one in others:
        if isinstance(one, optim.Optimizer):
            groups += [one._optimizer_step_pre_hooks, one._optimizer_step_post_hooks]
    groups += [optimizer_module._global_optimizer_pre_hooks, optimizer_module._global_optimizer_post_hooks]
    return [hook for hook in itertools.chain.from_iterable(g.values() for g in groups) if isinstance(hook, Hook)]


def hooks_on_modules(model: nn.Module) -> int:
    """How many forward hooks are on, whoever put them there."""
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


def readings(found: list[Reading]) -> dict[str, Any]:
    """Readings by tag, tensors as plain numbers."""
    return {str(tag): value.tolist() if isinstance(value, Tensor) else value for tag, value in found}


def net(seed: int = 0) -> nn.Sequential:
    """4 inputs, 6 hidden rectifiers, 3 classes."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))


def batch(n: int = 8) -> tuple[Tensor, Tensor]:
    """A fixed batch for `net`."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n, 4, generator=generator), torch.randint(0, 3, (n,), generator=generator)


def train(model: nn.Module, optimizer: optim.Optimizer, loss_fn: nn.Module, *, steps: int = 3) -> list[float]:
    """The plain loop on the fixed batch; returns the losses."""
    losses = []
    for _ in range(steps):
        x, y = batch()
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach().item())
    return losses
