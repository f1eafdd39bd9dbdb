"""Find rules and instruments by walking their folder: adding one is adding a file."""

from __future__ import annotations

import importlib
import inspect
import logging
import pkgutil
from collections.abc import Iterator
from importlib.metadata import entry_points
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")
log = logging.getLogger("torchvitals")


def discover(package: ModuleType, base: type[T], *, group: str) -> tuple[type[T], ...]:
    """Every concrete subclass of `base` defined in a module of `package`, then those of the entry points in `group`.

    Sorted by module name, so that the order does not depend on the file system. What a third party offers and cannot be
    loaded, or is something else, is left out with a warning that names it: a broken plugin must not stop a training.

    Raises:
        ImportError: a module of the package cannot be imported.
    """
    names = sorted(m.name for m in pkgutil.iter_modules(package.__path__))
    found = [cls for name in names for cls in _classes(importlib.import_module(f"{package.__name__}.{name}"), base)]
    return (*found, *_offered(base, group))


def _offered(base: type[T], group: str) -> Iterator[type[T]]:
    for point in entry_points(group=group):
        try:
            offered = point.load()
        except Exception as error:
            log.warning("torchvitals does without %s (%s): %s: %s", point.name, point.value, type(error).__name__, error)
            continue
        if inspect.isclass(offered) and issubclass(offered, base):
            yield offered
        else:
            log.warning("torchvitals does without %s (%s): it is no %s", point.name, point.value, base.__name__)


def _classes(module: ModuleType, base: type[T]) -> list[type[T]]:
    return [
        cls
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, base) and cls.__module__ == module.__name__ and not inspect.isabstract(cls)
    ]
