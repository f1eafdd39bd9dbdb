"""What a tag of another tool's log is read as."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A tag of the log, the tag of ours that its points are read as, and why."""

    tag: str  # as it stands in the log
    role: str  # ours: loss/train, grad_norm/fc1.weight, …
    why: str
    others: tuple[str, ...] = ()  # tags that could have had the role too
    notes: tuple[str, ...] = ()  # what to keep in mind when looking at it
