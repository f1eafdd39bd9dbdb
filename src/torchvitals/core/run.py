"""One recorded training run, as read from its log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from torchvitals.core.manifest import Manifest
from torchvitals.core.role import Role
from torchvitals.core.series import HistogramSeries, ImageSeries, Series, Steps, VectorSeries
from torchvitals.core.tag import Tag

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """Everything recorded of one run. Diagnosing and drawing start from here and from nothing else."""

    name: str
    path: str = ""
    manifest: Manifest | None = None  # None: the log was written by another tool
    scalars: Mapping[Tag, Series] = field(default_factory=dict)
    vectors: Mapping[Tag, VectorSeries] = field(default_factory=dict)
    histograms: Mapping[Tag, HistogramSeries] = field(default_factory=dict)
    tensors: Mapping[Tag, VectorSeries] = field(default_factory=dict)  # numeric tensors of two dimensions and more
    images: Mapping[Tag, ImageSeries] = field(default_factory=dict)
    superseded: Mapping[Tag, Series] = field(default_factory=dict)  # scalars that a restart took up again
    hparams: Mapping[str, str | float | bool] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    roles: tuple[Role, ...] = ()  # what the tags of another tool's log were read as
    problems: tuple[str, ...] = ()  # data that was lost or skipped while reading, in words

    @property
    def measures(self) -> frozenset[str]:
        """Every measure that has at least one point."""
        return frozenset(t.measure for group in (self.scalars, self.vectors, self.histograms) for t in group)

    @property
    def steps(self) -> Steps:
        """Every recorded step, ascending, each once."""
        # Most series share one array of steps: each is looked at once.
        all_steps = list({id(s.step): s.step for s in self.scalars.values()}.values())
        return np.unique(np.concatenate(all_steps)) if all_steps else np.empty(0, dtype=np.int64)

    def scalar(self, measure: str, subject: str) -> Series | None:
        """The series of one tag, or None when it was not recorded."""
        return self.scalars.get(Tag(measure=measure, subject=subject))

    def by_subject(self, measure: str) -> dict[str, Series]:
        """All series of a measure by their subject, in forward order where the manifest knows it.

        A tag without a subject (`grad_norm` in another tool's log) speaks of no layer and is not among them.
        """
        found = {t.subject: s for t, s in self.scalars.items() if t.measure == measure and t.subject}
        return {name: found[name] for name in self._forward_order(found)}

    def vectors_by_subject(self, measure: str) -> dict[str, VectorSeries]:
        """All vector series of a measure by their subject, in forward order where the manifest knows it."""
        found = {t.subject: s for t, s in self.vectors.items() if t.measure == measure}
        return {name: found[name] for name in self._forward_order(found)}

    def to_pandas(self) -> pd.DataFrame:
        """The scalars as one long pandas frame: run, tag, measure, subject, step, wall_time, value; by tag, then step.

        Every point is a row; NaN and ±inf stay as they are. The texts are categorical, the wall time is in seconds since the
        epoch, NaN where the log keeps none. The tags of other tools are those of the log, not what they were read as.

        Raises:
            MissingDependencyError: pandas is not installed.

        Example:
            >>> from torchvitals.core.series import Series
            >>> loss = Tag.parse("loss/train")
            >>> run = Run(name="a", scalars={loss: Series(tag=loss, step=np.array([0, 5]), value=np.array([2.0, 1.5]))})
            >>> run.to_pandas().pivot(index="step", columns="tag", values="value")["loss/train"].tolist()
            [2.0, 1.5]
        """
        from torchvitals.core import frames

        return frames.to_pandas([self])

    def to_polars(self) -> pl.DataFrame:
        """The scalars as one long polars frame, with the columns and rows of `to_pandas`.

        Raises:
            MissingDependencyError: polars is not installed.

        Example:
            >>> Run(name="a").to_polars().columns
            ['run', 'tag', 'measure', 'subject', 'step', 'wall_time', 'value']
        """
        from torchvitals.core import frames

        return frames.to_polars([self])

    def _forward_order(self, names: Mapping[str, object]) -> list[str]:
        if self.manifest is None:
            return list(names)
        known = [m.name for m in self.manifest.modules] + [p.name for p in self.manifest.parameters]
        rank = {name: i for i, name in enumerate(known)}
        # A second call of a module (`relu#1`) stands right behind the first.
        return sorted(names, key=lambda n: (rank.get(n, rank.get(n.partition("#")[0], len(rank))), n))
