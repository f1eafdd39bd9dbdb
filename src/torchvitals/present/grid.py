"""Layers × steps: one measure of the whole network over time, small enough to draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from torchvitals.core.finding import Finding
from torchvitals.core.run import Run
from torchvitals.core.series import Series, Steps

MAX_LAYERS = 300
MAX_STEPS = 400
_LARGEST = np.finfo(np.float64).max


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """Shapes: `step` (S,), `value` and `recorded` (L, S). A cell that was not recorded is NaN and not `recorded`."""

    subjects: tuple[str, ...]  # forward order
    step: Steps  # first step of each column
    value: NDArray[np.float64]
    recorded: NDArray[np.bool_]
    omitted: int = 0  # layers left out to keep the picture small
    log: bool = True  # whether log10 of the values is what to draw

    @property
    def nonfinite(self) -> NDArray[np.bool_]:
        """Recorded, and NaN or infinite."""
        return np.asarray(self.recorded & ~np.isfinite(self.value))

    @property
    def zero(self) -> NDArray[np.bool_]:
        """Recorded, and exactly zero: what a logarithm cannot show."""
        return np.asarray(self.recorded & (self.value == 0))


def concerns(finding: Finding, subject: str) -> bool:
    """Whether a finding speaks of a module or parameter, or of the module around it.

    Example:
        >>> from torchvitals.core.finding import Severity
        >>> f = Finding(symptom="x", code="X", severity=Severity.INFO, summary="", module="fc1.weight")
        >>> concerns(f, "fc1"), concerns(f, "fc1.weight"), concerns(f, "fc10")
        (True, True, False)
    """
    names = {finding.module, *finding.modules} - {None, ""}
    plain = subject.partition("#")[0]
    inside = any(n and plain.startswith(f"{n}.") for n in names)
    around = bool(plain) and any(n and n.rpartition(".")[0] == plain for n in names)
    return subject in names or plain in names or inside or around


def layer_grid(run: Run, measure: str, *, findings: Sequence[Finding] = (), weights_only: bool = True) -> Grid:
    """Gather a measure of every layer; neighbouring steps share a column when there are too many.

    A column shows, per layer, what strays most from that layer's median: non-finite first, then exact zero, then the
    value farthest away.
    """
    rows = {name: series for name, series in run.by_subject(measure).items() if len(series)}
    if weights_only:
        rows = _without_biases(run, rows, findings)
    chosen = _most_telling(rows, findings)
    steps = np.unique(np.concatenate([rows[n].step for n in chosen])) if chosen else np.empty(0, dtype=np.int64)
    columns = steps[:: max(1, -(-len(steps) // MAX_STEPS))]
    log = not measure.endswith("_fraction") and all(bool((s.finite().value >= 0).all()) for s in rows.values())
    value = np.full((len(chosen), len(columns)), np.nan)
    recorded = np.zeros(value.shape, dtype=bool)
    for i, name in enumerate(chosen):
        column, values = _column_extremes(rows[name], columns, log=log)
        value[i, column], recorded[i, column] = values, True
    return Grid(subjects=tuple(chosen), step=columns, value=value, recorded=recorded, omitted=len(rows) - len(chosen), log=log)


def _without_biases(run: Run, rows: Mapping[str, Series], findings: Sequence[Finding]) -> dict[str, Series]:
    """Weights only: biases and norm scales double the rows and rarely tell more."""
    vectors = {p.name for p in run.manifest.parameters if len(p.shape) < 2} if run.manifest else set()
    named = {n for f in findings for n in (f.module, *f.modules)}
    kept = {n: s for n, s in rows.items() if n not in vectors or n in named}
    return kept or dict(rows)


def _most_telling(rows: Mapping[str, Series], findings: Sequence[Finding]) -> list[str]:
    """All layers when they fit; else those with a finding or a non-finite value, and an even sample of the others."""
    names = list(rows)
    if len(names) <= MAX_LAYERS:
        return names
    telling = [n for n in names if any(concerns(f, n) for f in findings) or not np.isfinite(rows[n].value).all()]
    kept = set(telling[:MAX_LAYERS])
    others = [n for n in names if n not in kept]
    room = MAX_LAYERS - len(kept)
    kept.update(others[i] for i in np.linspace(0, len(others) - 1, room).astype(int))
    return [n for n in names if n in kept]


def _column_extremes(series: Series, columns: Steps, *, log: bool) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The columns a series reaches, and its most telling value in each."""
    column = np.searchsorted(columns, series.step, side="right") - 1
    value = series.value
    finite = np.isfinite(value)
    safe = np.where(finite, value, 0.0)
    zero = finite & (value == 0) & log
    scale = np.log10(safe, out=np.zeros(len(safe)), where=safe > 0) if log else safe / 2  # halved: sums must not overflow
    plain = scale[finite & ~zero]
    middle = np.median(plain) if plain.size else 0.0
    distance = np.select([~finite, zero], [np.inf, _LARGEST], np.abs(scale - middle))
    order = np.lexsort((distance, column))
    last = np.flatnonzero(np.diff(column[order], append=-1) != 0)  # the farthest of each column
    return column[order][last], value[order][last]
