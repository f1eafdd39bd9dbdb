"""Adding a file adds a rule or an instrument; a broken file is not passed over in silence."""

from __future__ import annotations

import importlib
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from torchvitals.core.discover import discover

GROUP = "torchvitals.nobody_uses_this"
HEAD = "from test_discover_base import Base\n"
ONE = "class {name}(Base):\n    def look(self):\n        return 1\n"


class Base(ABC):
    """What the fake package's classes are."""

    @abstractmethod
    def look(self) -> int:
        """Look."""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ModuleType]]:
    monkeypatch.syspath_prepend(str(tmp_path))
    base = ModuleType("test_discover_base")
    base.Base = Base  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "test_discover_base", base)
    folder = tmp_path / "fake_package"
    folder.mkdir()
    (folder / "__init__.py").touch()

    def build(**files: str) -> ModuleType:
        for name, text in files.items():
            (folder / f"{name}.py").write_text(HEAD + text, encoding="utf-8")
        importlib.invalidate_caches()
        return importlib.import_module("fake_package")

    yield build
    for name in [n for n in sys.modules if n.partition(".")[0] == "fake_package"]:
        del sys.modules[name]


def names(package: ModuleType) -> list[str]:
    return [cls.__name__ for cls in discover(package, Base, group=GROUP)]


def test_every_concrete_class_in_order_of_its_file(package: Callable[..., ModuleType]) -> None:
    found = package(b_second=ONE.format(name="Second"), a_first=ONE.format(name="First"), c_none="helper = 1\n")
    assert names(found) == ["First", "Second"]


def test_abstract_imported_and_foreign_classes_are_left_out(package: Callable[..., ModuleType]) -> None:
    found = package(
        a=ONE.format(name="First"),
        b="from fake_package.a import First\nclass Abstract(Base):\n    pass\nclass Foreign:\n    pass\n",
    )
    assert names(found) == ["First"]


@pytest.mark.parametrize("text", ["import no_such_module_anywhere\n", "from test_discover_base import Gone\n"])
def test_a_file_that_cannot_be_imported_says_so(package: Callable[..., ModuleType], text: str) -> None:
    found = package(a=ONE.format(name="First"), b=text)
    with pytest.raises(ImportError, match=r"no_such_module_anywhere|Gone"):
        names(found)


class Point:
    """An entry point of some third party."""

    def __init__(self, name: str, offered: object) -> None:
        self.name, self.value, self.offered = name, f"somewhere:{name}", offered

    def load(self) -> object:
        if isinstance(self.offered, Exception):
            raise self.offered
        return self.offered


def test_a_broken_third_party_is_left_out_and_named(
    package: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    good = type("Offered", (Base,), {"look": lambda _: 1})
    points = [Point("gone", ImportError("no module")), Point("number", 7), Point("good", good)]
    monkeypatch.setattr("torchvitals.core.discover.entry_points", lambda group: points if group == GROUP else [])
    assert names(package(a=ONE.format(name="First"))) == ["First", "Offered"]
    assert ["gone" in caplog.messages[0], "number" in caplog.messages[1], len(caplog.messages)] == [True, True, 2]
