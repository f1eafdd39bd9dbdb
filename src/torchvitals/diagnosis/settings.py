"""What the user changes about the rules: which run, which are muted and why, and their thresholds."""

from __future__ import annotations

import dataclasses
import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torchvitals.diagnosis.rule import Rule
from torchvitals.errors import ConfigError

SECTION = "[tool.torchvitals]"
KEYS = ("select", "mute", "thresholds", "map")  # `map` is of reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Changes to the rules, as flags, environment or pyproject.toml give them. Names are symptoms or codes."""

    source: str = ""  # where they were given: --select, TORCHVITALS_MUTE, …
    select: tuple[str, ...] = ()  # only these; empty: all
    mute: Mapping[str, str] = field(default_factory=dict)  # symptom to the reason that is shown instead
    thresholds: Mapping[str, str | float] = field(default_factory=dict)  # `dead-relu.share` to its value


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The rules that run, and why others do not."""

    rules: tuple[Rule, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)  # symptom to reason


def chosen(rules: Sequence[Rule], several: Iterable[Settings]) -> Chosen:
    """Apply settings, the ones that hold first (flags before environment before pyproject.toml) given first.

    Raises:
        ConfigError: a symptom or threshold that there is not, or a value of the wrong kind.
    """
    by_name = {rule.name(): rule for rule in rules}
    selected: frozenset[str] | None = None
    muted: dict[str, str] = {}
    for settings in reversed(list(several)):
        if settings.select:
            selected = frozenset(_named(name, by_name, settings.source) for name in settings.select)
        muted |= {_named(name, by_name, settings.source): reason for name, reason in settings.mute.items()}
        for key, value in settings.thresholds.items():
            name, _, threshold = key.rpartition(".")
            name = _named(name, by_name, settings.source)
            by_name[name] = _with(by_name[name], threshold, value, settings.source)
    left_out = {name: f"muted: {reason}" for name, reason in muted.items()}
    if selected is not None:
        left_out |= {name: "not selected" for name in by_name if name not in selected}
    return Chosen(rules=tuple(rule for name, rule in by_name.items() if name not in left_out), left_out=left_out)


def from_flags(select: Sequence[str] | None, mute: Sequence[str] | None, thresholds: Sequence[str] | None) -> Settings:
    """`--select NAME`, `--mute NAME=REASON` and `--set NAME.THRESHOLD=VALUE`."""
    return Settings(
        source="the command line",
        select=tuple(select or ()),
        mute=_pairs(mute or (), "--mute", "dead-relu='sparse on purpose'"),
        thresholds=_pairs(thresholds or (), "--set", "dead-relu.share=0.7"),
    )


def from_environment() -> Settings:
    """`TORCHVITALS_SELECT`, `TORCHVITALS_MUTE` and `TORCHVITALS_SET`, their entries separated by commas."""

    def entries(name: str) -> list[str]:
        return [entry.strip() for entry in os.environ.get(name, "").split(",") if entry.strip()]

    return Settings(
        source="the environment (TORCHVITALS_…)",
        select=tuple(entries("TORCHVITALS_SELECT")),
        mute=_pairs(entries("TORCHVITALS_MUTE"), "TORCHVITALS_MUTE", "dead-relu=sparse on purpose"),
        thresholds=_pairs(entries("TORCHVITALS_SET"), "TORCHVITALS_SET", "dead-relu.share=0.7"),
    )


def from_pyproject(path: Path = Path("pyproject.toml")) -> Settings:
    """`select`, `mute` and `thresholds` under `[tool.torchvitals]`; nothing where there is no such file.

    Raises:
        ConfigError: not valid TOML, an unknown key, or a value of the wrong kind.
    """
    source = f"{path.name} {SECTION}"
    table = _table(path)
    unknown = next((key for key in table if key not in KEYS), None)
    if unknown is not None:
        raise ConfigError(f"{source} has no {unknown!r}; {_hint(unknown, KEYS)}")
    select, mute, thresholds = table.get("select", []), table.get("mute", {}), table.get("thresholds", {})
    if not isinstance(select, list) or not all(isinstance(name, str) for name in select):
        raise ConfigError(f'{source}: select must be a list of symptoms; write select = ["dead-relu"]')
    if not isinstance(mute, dict) or not all(isinstance(reason, str) for reason in mute.values()):
        raise ConfigError(f'{source}: mute must give a reason for each symptom; write mute = {{ dead-relu = "why" }}')
    if not isinstance(thresholds, dict) or not all(isinstance(values, dict) for values in thresholds.values()):
        raise ConfigError(f"{source}: thresholds belong to a symptom; write thresholds.dead-relu = {{ share = 0.7 }}")
    flat = {f"{name}.{key}": value for name, values in thresholds.items() for key, value in values.items()}
    return Settings(source=source, select=tuple(select), mute=mute, thresholds=flat)


def _table(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        whole = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML ({error}); mend it, or run in another folder") from error
    table = whole.get("tool", {}).get("torchvitals", {})
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: {SECTION} must be a table")
    return table


def _pairs(texts: Iterable[str], source: str, example: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise ConfigError(f"{source}: {text!r} is not of the form NAME=VALUE; write {source} {example}")
        pairs[name.strip()] = value.strip()
    return pairs


def _named(name: str, rules: Mapping[str, Rule], source: str) -> str:
    wanted = name.strip().lower().replace("_", "-")
    by_code = {rule.code.lower(): symptom for symptom, rule in rules.items()}
    found = wanted if wanted in rules else by_code.get(wanted)
    if found is None:
        raise ConfigError(f"{source}: there is no symptom {name!r}; {_hint(wanted, rules)}")
    return found


def _with(rule: Rule, threshold: str, value: str | float, source: str) -> Rule:
    """The rule with one threshold changed."""
    kinds = {f.name: type(getattr(rule, f.name)) for f in dataclasses.fields(rule)}
    if threshold not in kinds:
        raise ConfigError(f"{source}: {rule.name()} has no threshold {threshold!r}; {_hint(threshold, kinds)}")
    try:
        if isinstance(value, bool):
            raise ValueError(value)
        return dataclasses.replace(rule, **{threshold: kinds[threshold](value)})
    except ValueError as error:
        kind = "a whole number" if kinds[threshold] is int else "a number"
        raise ConfigError(f"{source}: {rule.name()}.{threshold} must be {kind}, not {value!r}") from error


def _hint(wanted: str, names: Iterable[str]) -> str:
    known = sorted(names)
    close = difflib.get_close_matches(wanted, known, n=1, cutoff=0.45)
    return f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
