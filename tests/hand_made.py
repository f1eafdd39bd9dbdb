"""Runs made by hand, for what a real training cannot be made to do at will."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from torchvitals.core.manifest import Manifest
from torchvitals.core.run import Run
from torchvitals.core.series import Series, VectorSeries
from torchvitals.core.tag import Tag


def run_of(
    scalars: Mapping[str, Sequence[float]],
    *,
    vectors: Mapping[str, Sequence[Sequence[float]]] | None = None,
    manifest: Manifest | None = None,
    name: str = "run",
) -> Run:
    """A run with one value per step, from step 0, under every tag."""
    tags = {Tag.parse(text): values for text, values in scalars.items()}
    rows = {Tag.parse(text): values for text, values in (vectors or {}).items()}
    return Run(
        name=name,
        manifest=manifest,
        scalars={t: Series(tag=t, step=np.arange(len(v)), value=np.array(v, dtype=np.float64)) for t, v in tags.items()},
        vectors={
            t: VectorSeries(tag=t, step=np.arange(len(v)), value=tuple(np.array(row, dtype=np.float64) for row in v))
            for t, v in rows.items()
        },
    )
