"""Where roles are given besides in a call: the environment, and pyproject.toml of the working directory."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

from torchvitals.errors import ConfigError
from torchvitals.reading.role_map import RoleMap, parse

VARIABLE = "TORCHVITALS_MAP"
SECTION = "[tool.torchvitals] map"


def role_maps(roles: RoleMap | Mapping[str, str] | None = None) -> tuple[RoleMap, ...]:
    """Every map that is set, the one that holds first: the call, the environment, pyproject.toml.

    Raises:
        ConfigError: one of them is not what it should be.
    """
    if roles is not None and not isinstance(roles, RoleMap):
        roles = RoleMap(source="roles", roles=dict(roles))
    found = (roles, from_environment(), from_pyproject(Path("pyproject.toml")))
    return tuple(m for m in found if m is not None)


def from_environment() -> RoleMap | None:
    """`TORCHVITALS_MAP="train_loss=loss/train, my_acc=accuracy/train"`."""
    text = os.environ.get(VARIABLE, "")
    pairs = [pair for pair in text.split(",") if pair.strip()]
    return parse(pairs, source=VARIABLE) if pairs else None


def from_pyproject(path: Path) -> RoleMap | None:
    """`map = { train_loss = "loss/train" }` under `[tool.torchvitals]`; None where there is no such file or entry."""
    if not path.is_file():
        return None
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML ({error}); mend it, or run in another folder") from error
    entry = table.get("tool", {}).get("torchvitals", {}).get("map")
    if entry is None:
        return None
    if not isinstance(entry, dict) or not all(isinstance(role, str) for role in entry.values()):
        raise ConfigError(f'{path}: {SECTION} must be a table of texts; write map = {{ train_loss = "loss/train" }}')
    return RoleMap(source=f"{path.name} ({SECTION})", roles=entry, strict=False)
