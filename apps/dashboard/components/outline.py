"""The modules of a network as the rows of a tree: containers with the sums of what they hold, leaves with their facts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torchvitals.core.manifest import Manifest, ModuleInfo, ParameterInfo
from torchvitals.present.figures.parameter_share import fate


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One module of the outline, or one container around several."""

    name: str  # qualified
    depth: int
    kind: str = ""  # empty for a container, whose class the log does not hold
    shape: str = ""
    parameters: int = 0
    activation: str = ""
    state: str = ""  # what becomes of its parameters; empty when it has none
    leaf: bool = True

    @property
    def indented(self) -> str:
        """The last part of the name, moved in by its depth."""
        last = self.name.rpartition("/")[2] if "/" in self.name else self.name.rpartition(".")[2]
        return "\u2003" * self.depth + (last or "(the model itself)")  # em spaces: a table cell keeps them


def rows(manifest: Manifest) -> Iterator[Row]:
    """Every module in forward order, those of one container together behind it."""
    owned: dict[str, list[ParameterInfo]] = defaultdict(list)
    for parameter in manifest.parameters:
        for name in (*containers(parameter.module), parameter.module):
            owned[name].append(parameter)
    shown: set[str] = set()
    for module in _grouped(manifest.modules):
        for container in containers(module.name):
            if container not in shown:
                shown.add(container)
                yield _container(container, owned[container])
        shown.add(module.name)  # it may hold modules itself
        yield _leaf(module, owned[module.name])


def containers(name: str) -> tuple[str, ...]:
    """The modules around a module, or around a function called in one, outermost first.

    Example:
        >>> containers("encoder.layers.0"), containers("encoder.0/relu#0")
        (('encoder', 'encoder.layers'), ('encoder', 'encoder.0'))
    """
    module, _, function = name.partition("/")
    parts = module.split(".")
    return tuple(".".join(parts[:i]) for i in range(1, len(parts) + bool(function)))


def _grouped(modules: Sequence[ModuleInfo]) -> list[ModuleInfo]:
    """Ordered by the first call of whatever lies in each container, so that a late or uncalled part stays with its own."""
    first: dict[str, int] = {}
    for place, module in enumerate(modules):
        for name in (*containers(module.name), module.name):
            first.setdefault(name, place)
    return sorted(modules, key=lambda m: tuple(first[name] for name in (*containers(m.name), m.name)))


def _container(name: str, parameters: list[ParameterInfo]) -> Row:
    size = sum(p.size for p in parameters)
    return Row(name=name, depth=len(containers(name)), parameters=size, state=_state(parameters), leaf=False)


def _leaf(module: ModuleInfo, parameters: list[ParameterInfo]) -> Row:
    shape = " × ".join(map(str, module.output_shape)) if module.output_shape is not None else ""
    return Row(
        name=module.name,
        depth=len(containers(module.name)),
        kind=module.kind,
        shape=shape if module.fired else "never called",
        parameters=sum(p.size for p in parameters) or module.parameters,
        activation=module.activation or "",
        state=_state(parameters),
    )


def _state(parameters: list[ParameterInfo]) -> str:
    return " and ".join(sorted({fate(p) for p in parameters}))
