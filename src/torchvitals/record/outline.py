"""The network as the manifest describes it: leaf modules in forward order, parameters, and what could not be seen."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from torchvitals.core.manifest import ModuleInfo, ParameterInfo, Unseen
from torchvitals.record.kinds import activation_kind, is_measured, is_norm


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """A module that a recorded forward pass reached, and the shape of what it put out."""

    name: str
    output_shape: tuple[int, ...]


def clean_name(name: str) -> str:
    """The name a user would write: the wrappers of `torch.compile` leave a prefix that is not part of it."""
    return name.replace("_orig_mod.", "").removesuffix("._orig_mod")


def measured_modules(model: nn.Module) -> dict[str, nn.Module]:
    """The modules whose output is measured, by clean name, each once, in the order of their definition."""
    return {clean_name(name): m for name, m in model.named_modules() if is_measured(m)}


def unique_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Every parameter once, under its first name."""
    return {clean_name(name): p for name, p in model.named_parameters()}


def module_infos(model: nn.Module, firings: Sequence[Firing]) -> tuple[ModuleInfo, ...]:
    """Fired modules in forward order, then those that no recorded forward pass reached."""
    modules = measured_modules(model)
    shapes = {f.name: f.output_shape for f in firings}
    order = [name for name in shapes if name in modules]
    following = dict(itertools.pairwise(order))
    return tuple(
        ModuleInfo(
            name=name,
            kind=type(modules[name]).__name__,
            parameters=sum(p.numel() for p in modules[name].parameters(recurse=False)),
            output_shape=shapes.get(name),
            activation=activation_kind(modules[name]),
            before_norm=name in following and is_norm(modules[following[name]]),
            fired=name in shapes,
        )
        for name in [*order, *(n for n in modules if n not in shapes)]
    )


def parameter_infos(model: nn.Module, modules: Sequence[ModuleInfo], optimized: Collection[int]) -> tuple[ParameterInfo, ...]:
    """All parameters in forward order of the module that owns them; `optimized` holds the ids of those in an optimizer."""
    rank = {m.name: i for i, m in enumerate(modules)}
    infos = [
        ParameterInfo(
            name=name,
            module=name.rpartition(".")[0],
            shape=tuple(p.shape),
            trainable=p.requires_grad,
            optimized=id(p) in optimized,
        )
        for name, p in unique_parameters(model).items()
    ]
    return tuple(sorted(infos, key=lambda p: rank.get(p.module, len(rank))))


def unseen_activations(model: nn.Module, modules: Sequence[ModuleInfo]) -> Iterator[Unseen]:
    """Activation modules that never fired, and the standing blind spot of module hooks."""
    for m in modules:
        if m.activation and not m.fired:
            yield Unseen(subject=m.name, reason="no recorded forward pass called this module")
    if not any(m.activation for m in modules if m.fired):
        yield Unseen(
            subject=type(model).__name__,
            reason="no activation module fired; activations called as functions (F.relu, torch.tanh) are not seen by hooks",
        )


def first_tensor(output: object) -> Tensor | None:
    """The first floating tensor of a module's output: itself, or inside a tuple, list or dict."""
    if isinstance(output, Tensor):
        return output if output.is_floating_point() and output.numel() else None
    items = output.values() if isinstance(output, dict) else output if isinstance(output, tuple | list) else ()
    return next((t for t in map(first_tensor, items) if t is not None), None)
