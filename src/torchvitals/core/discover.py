"""Find rules and instruments by walking their folder: adding one is adding a file."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from importlib.metadata import entry_points
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")


def discover(package: ModuleType, base: type[T], *, group: str) -> tuple[type[T], ...]:
    """Every concrete subclass of `base` defined in a module of `package`, then those of the entry points in `group`.

    Sorted by module name, so that the order does not depend on the file system.

    Raises:
        ImportError: a module of the package, or a third party's entry point, cannot be imported.
    """
    names = sorted(m.name for m in pkgutil.iter_modules(package.__path__))
    found = [cls for name in names for cls in _classes(importlib.import_module(f"{package.__name__}.{name}"), base)]
    found += [point.load() for point in entry_points(group=group)]
    return tuple(found)


def _classes(module: ModuleType, base: type[T]) -> list[type[T]]:
    return [
        cls
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, base) and cls.__module__ == module.__name__ and not inspect.isabstract(cls)
    ]
