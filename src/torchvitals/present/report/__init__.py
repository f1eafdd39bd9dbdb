"""One output format a file: a pure function from runs with their diagnoses to text.

To add a format, write one module with `render(sections) -> str` and add one line to `FORMATS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import PurePath
from typing import cast

from torchvitals.errors import ConfigError
from torchvitals.present.report.section import Section, Sections

__all__ = ["FORMATS", "Format", "Section", "Sections", "format_named", "format_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format by name; its module is imported when it is first used."""

    name: str
    module: str
    suffixes: tuple[str, ...]

    def render(self, sections: Sections) -> str:
        """The whole report as text."""
        module = import_module(f"{__name__}.{self.module}")
        return cast(Callable[[Sections], str], module.render)(sections)


FORMATS = (
    Format(name="text", module="terminal", suffixes=(".txt",)),
    Format(name="json", module="json", suffixes=(".json",)),
    Format(name="markdown", module="markdown", suffixes=(".md", ".markdown")),
    Format(name="html", module="html", suffixes=(".html", ".htm")),
)


def format_named(name: str) -> Format:
    """The format of that name.

    Raises:
        ConfigError: there is none.
    """
    for form in FORMATS:
        if form.name == name:
            return form
    raise ConfigError(f"there is no report format {name!r}; choose one of {', '.join(f.name for f in FORMATS)}")


def format_of(path: str | PurePath) -> Format:
    """The format a file's ending asks for.

    Raises:
        ConfigError: the ending is not known.
    """
    suffix = PurePath(path).suffix.lower()
    for form in FORMATS:
        if suffix in form.suffixes:
            return form
    endings = ", ".join(s for f in FORMATS for s in f.suffixes)
    raise ConfigError(f"cannot tell a report format from {PurePath(path).name!r}; let the name end in one of {endings}")
