"""Put the series of another tool's log under our tags as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TypeVar

import numpy as np

from torchvitals.core.role import Role
from torchvitals.core.run import Run
from torchvitals.core.series import HistogramSeries, Series
from torchvitals.core.tag import Tag
from torchvitals.reading.role_names import PACES, words

AnySeries = TypeVar("AnySeries", Series, HistogramSeries)
IN_EPOCHS = "its steps count epochs"


def apply(run: Run, roles: Sequence[Role]) -> Run:
    """The run with the points of every role's tag under our tag too; its own tags stay.

    Where a tag of that name was there already, the role's points take its place: whoever asks for that has said so.

    Example:
        >>> loss = Series(tag=Tag.parse("train_loss"), step=np.arange(3), value=np.ones(3))
        >>> run = Run(name="a", scalars={loss.tag: loss})
        >>> read_as = apply(run, [Role(tag="train_loss", role="loss/train", why="the name says so")])
        >>> sorted(map(str, read_as.scalars))
        ['loss/train', 'train_loss']
    """
    noted = tuple(replace(r, notes=(*r.notes, IN_EPOCHS)) if _counts_epochs(run, r) else r for r in roles)
    return replace(
        run,
        scalars=_with(run.scalars, roles),
        histograms=_with(run.histograms, roles),
        roles=tuple({r.role: r for r in (*run.roles, *noted)}.values()),
    )


def _with(group: Mapping[Tag, AnySeries], roles: Sequence[Role]) -> Mapping[Tag, AnySeries]:
    added = {Tag.parse(r.role): group[tag] for r in roles if (tag := Tag.parse(r.tag)) in group}
    return MappingProxyType({**group, **{tag: replace(series, tag=tag) for tag, series in added.items()}})


def _counts_epochs(run: Run, role: Role) -> bool:
    """Whether each step is one epoch: the name says so and no step is left out, or the log's own epochs say so."""
    series = run.scalars.get(Tag.parse(role.tag))
    if series is None or role.role == "epoch" or len(series) < 2 or (np.diff(series.step) != 1).any():
        return False
    if "epoch" in (PACES.get(w) for w in words(role.tag)):
        return True
    epochs = run.scalars.get(Tag.parse(next((r.tag for r in run.roles if r.role == "epoch"), "epoch")))
    if epochs is None or not np.array_equal(epochs.step, series.step):
        return False
    return bool((np.diff(epochs.value) == 1).all())
