"""The network as the manifest describes it: leaf modules in forward order, parameters, and what could not be seen."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from torchvitals.core.manifest import ModuleInfo, ParameterInfo, Unseen
from torchvitals.record.kinds import activation_kind, is_measured, is_norm


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """A module that a recorded forward pass reached, or a function called inside one, and the shape of what it put out."""

    name: str
    output_shape: tuple[int, ...]
    function: str | None = None  # kind of an activation called as a function


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
    """Fired modules and functions in forward order, then the modules that no recorded forward pass reached."""
    modules = measured_modules(model)
    order = [f for f in firings if f.function is not None or f.name in modules]
    following = {f.name: after.name for f, after in itertools.pairwise(order)}
    fired = [
        _function_info(f)
        if f.function is not None
        else _module_info(modules, f.name, f.output_shape, following.get(f.name, ""))
        for f in order
    ]
    names = {f.name for f in order}
    return (*fired, *(_module_info(modules, name, None, "") for name in modules if name not in names))


def _module_info(modules: Mapping[str, nn.Module], name: str, shape: tuple[int, ...] | None, following: str) -> ModuleInfo:
    return ModuleInfo(
        name=name,
        kind=type(modules[name]).__name__,
        parameters=sum(p.numel() for p in modules[name].parameters(recurse=False)),
        output_shape=shape,
        activation=activation_kind(modules[name]),
        before_norm=following in modules and is_norm(modules[following]),
        fired=shape is not None,
    )


def _function_info(firing: Firing) -> ModuleInfo:
    return ModuleInfo(
        name=firing.name, kind=f"F.{firing.function}", output_shape=firing.output_shape, activation=firing.function
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
            reason="no activation fired, neither a module nor a function that is known as one",
        )


def first_tensor(output: object) -> Tensor | None:
    """The first floating tensor of a module's output: itself, or inside a tuple, list, dict or dataclass."""
    return next(iter(floating_tensors(output)), None)


def floating_tensors(output: object) -> list[Tensor]:
    """All floating tensors of a module's output, in order."""
    if isinstance(output, Tensor):
        return [output] if output.is_floating_point() and output.numel() else []
    return [tensor for item in _items(output) for tensor in floating_tensors(item)]


def _items(output: object) -> Iterable[object]:
    if isinstance(output, Mapping):
        return output.values()
    if dataclasses.is_dataclass(output) and not isinstance(output, type):
        return [getattr(output, field.name) for field in dataclasses.fields(output)]
    return output if isinstance(output, tuple | list) else ()
