"""As what the tags of another tool's log were read, in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from torchvitals.core.role import Role
from torchvitals.core.run import Run

FEW = 2  # roles of one measure, read for one reason, above which the first stands for all
RIVALS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One line: what stands in the log, what it is read as, and why."""

    tag: str
    role: str
    why: str


def read_as(run: Run) -> Iterator[Reading]:
    """One line a role; the many of a network's parameters share one."""
    groups: dict[tuple[str, str], list[Role]] = defaultdict(list)
    for role in run.roles:
        groups[role.role.partition("/")[0], role.why].append(role)
    for roles in groups.values():
        if len(roles) > FEW:
            more = f" and {len(roles) - 1} more"
            yield Reading(tag=roles[0].tag + more, role=roles[0].role, why=_why(roles[0]))
        else:
            yield from (Reading(tag=r.tag, role=r.role, why=_why(r)) for r in roles)


def _why(role: Role) -> str:
    rivals = ", ".join(role.others[:RIVALS]) + (", …" if len(role.others) > RIVALS else "")
    preferred = (f"preferred to {rivals}",) if rivals else ()
    return "; ".join((role.why, *preferred, *role.notes))
