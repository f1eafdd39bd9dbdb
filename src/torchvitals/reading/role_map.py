"""Roles that the user gives: `train_loss=loss/train`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from torchvitals.core.role import Role
from torchvitals.core.run import Run
from torchvitals.errors import ConfigError

WHOLE = ("loss/train", "loss/val", "accuracy/train", "accuracy/val", "global_grad_norm/model", "epoch")
OF_SCALARS = ("learning_rate", "grad_norm", "weight_norm", "update_ratio")
OF_HISTOGRAMS = ("weights", "gradients", "activations")
KNOWN = (*WHOLE, "learning_rate/group0", *(f"{m}/<parameter>" for m in (*OF_SCALARS[1:], *OF_HISTOGRAMS[:2])))


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleMap:
    """Roles by tag, as given in one place. An empty role says: this tag has none."""

    source: str  # where it was given: --map, TORCHVITALS_MAP, …
    roles: Mapping[str, str]
    strict: bool = True  # False: a standing setting for many logs, of which one may lack a tag

    def __post_init__(self) -> None:
        for tag, role in self.roles.items():
            if role and not is_role(role):
                near = get_close_matches(role, KNOWN, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]!r}?" if near else "use one of these."
                raise ConfigError(f"{self.source}: {role!r}, for the tag {tag!r}, is no role; {hint} Roles: {', '.join(KNOWN)}")
        given = [role for role in self.roles.values() if role]
        if twice := sorted({role for role in given if given.count(role) > 1}):
            raise ConfigError(f"{self.source}: two tags are to be {twice[0]!r}; keep the one that is meant")


def is_role(role: str) -> bool:
    """Whether a text is a tag of ours that another tool's tag can be read as.

    Example:
        >>> is_role("loss/train"), is_role("grad_norm/fc1.weight"), is_role("loss/training")
        (True, True, False)
    """
    measure, _, subject = role.partition("/")
    return role in WHOLE or (measure in (*OF_SCALARS, *OF_HISTOGRAMS) and bool(subject))


def parse(pairs: Iterable[str], *, source: str) -> RoleMap:
    """Read `tag=role` pairs.

    Raises:
        ConfigError: a pair without "=", an unknown role, or a tag or role given twice.

    Example:
        >>> dict(parse(["train_loss=loss/train"], source="--map").roles)
        {'train_loss': 'loss/train'}
    """
    roles: dict[str, str] = {}
    for pair in pairs:
        tag, equals, role = (part.strip() for part in pair.rpartition("="))
        if not equals or not tag:
            raise ConfigError(f"{source}: {pair!r} is no pair; write tag=role, as in train_loss=loss/train")
        if tag in roles:
            raise ConfigError(f"{source}: the tag {tag!r} is given twice; keep the one that is meant")
        roles[tag] = role
    return RoleMap(source=source, roles=roles)


def merged(maps: Sequence[RoleMap]) -> tuple[dict[str, str], dict[str, RoleMap]]:
    """Roles by tag, and where each was given; of two maps that speak of the same tag or role the first holds."""
    roles: dict[str, str] = {}
    origin: dict[str, RoleMap] = {}
    for one in maps:
        for tag, role in one.roles.items():
            if tag not in roles and (not role or role not in roles.values()):
                roles[tag], origin[tag] = role, one
    return roles, origin


def given(run: Run, maps: Sequence[RoleMap]) -> tuple[Role, ...]:
    """The roles that the user gives to tags of this run; an empty one where a tag is to have none."""
    roles, origin = merged(maps)
    return tuple(
        Role(tag=tag, role=role, why=f"{origin[tag].source} says so") for tag, role in roles.items() if tag in _fit(run, role)
    )


def check(runs: Sequence[Run], maps: Sequence[RoleMap]) -> None:
    """Refuse a tag that none of the runs holds, or not in the kind that its role needs.

    Raises:
        ConfigError: there is one, in a map that is not a standing setting for many logs.
    """
    for one in maps:
        for tag, role in one.roles.items() if one.strict else ():
            known = {t for run in runs for t in _fit(run, role)}
            if tag not in known:
                kind = "histogram" if role.partition("/")[0] in OF_HISTOGRAMS else "scalar"
                where = runs[0].name if len(runs) == 1 else "none of the runs"
                holds = f"{where} holds a {kind}" if len(runs) > 1 else f"{where} holds no {kind}"
                raise ConfigError(f"{one.source}: {holds} {tag!r}; {_suggestion(tag, known)}")


def _fit(run: Run, role: str) -> set[str]:
    """The tags of a run that can have that role."""
    histograms, scalars = (set(map(str, group)) for group in (run.histograms, run.scalars))
    if not role:
        return histograms | scalars
    return histograms if role.partition("/")[0] in OF_HISTOGRAMS else scalars


def _suggestion(tag: str, known: set[str]) -> str:
    near = get_close_matches(tag, sorted(known), n=1, cutoff=0.5)
    few = ", ".join(sorted(known)[:8]) + (", …" if len(known) > 8 else "")
    return f"did you mean {near[0]!r}?" if near else f"it can be one of: {few or 'nothing, there is none'}"
