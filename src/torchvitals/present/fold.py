"""A thousand layers in a few rows: layers whose names begin alike become one, which shows the worst of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from torchvitals.core.finding import Finding
from torchvitals.core.manifest import ModuleInfo
from torchvitals.core.run import Run
from torchvitals.core.series import Series, Values
from torchvitals.core.tag import Tag

FIT = 60  # rows that can be told apart on one screen


def row_of(name: str, depth: int) -> str:
    """The row a layer belongs to: the first `depth` parts of its name.

    Example:
        >>> row_of("encoder.layers.11.attention.weight", 3), row_of("head", 3)
        ('encoder.layers.11', 'head')
    """
    return ".".join(name.split(".")[:depth])


def deepest(names: Sequence[str]) -> int:
    """How many parts the longest name has; folding so deep folds nothing.

    Example:
        >>> deepest(["encoder.0.weight", "head.weight"])
        3
    """
    return max((name.count(".") + 1 for name in names), default=1)


def fitting_depth(names: Sequence[str]) -> int:
    """The deepest folding that fits on a screen, at least 1."""
    depths = range(deepest(names), 0, -1)
    return next((d for d in depths if len({row_of(n, d) for n in names}) <= FIT), 1)


def rows(run: Run, measure: str, findings: Sequence[Finding] = ()) -> dict[str, Series]:
    """The series to draw, one a layer: biases and norm scales are left out unless a finding names them."""
    series = {name: s for name, s in run.by_subject(measure).items() if len(s)}
    vectors = {p.name for p in run.manifest.parameters if len(p.shape) < 2} if run.manifest else set()
    vectors -= {name for f in findings for name in (f.module, *f.modules) if name}
    return {name: s for name, s in series.items() if name not in vectors} or series


def folded(run: Run, measure: str, depth: int, findings: Sequence[Finding] = ()) -> tuple[Run, tuple[Finding, ...]]:
    """The run with one series a row instead of one a layer, and the findings speaking of rows.

    At each step a row holds the value of the layer that strays most: non-finite first, then exact zero, then the one
    farthest, as a power of ten, from the median of all layers and steps; of a fraction the highest. Measures that can be
    negative are compared as they are. Nothing else of the run is kept.
    """
    layers = rows(run, measure, findings)
    middle, log = _middle(layers, measure)
    groups: dict[str, list[Series]] = {}
    for name, series in layers.items():
        groups.setdefault(row_of(name, depth), []).append(series)
    tags = {row: Tag(measure=measure, subject=row) for row in groups}
    scalars = {tags[row]: _worst(tags[row], several, middle, log=log) for row, several in groups.items()}
    order = tuple(ModuleInfo(name=row, kind="") for row in groups)
    manifest = None if run.manifest is None else replace(run.manifest, modules=order, parameters=())
    return Run(name=run.name, path=run.path, manifest=manifest, scalars=scalars), tuple(_of_rows(f, depth) for f in findings)


def only(run: Run, measure: str, names: Sequence[str]) -> Run:
    """The run with no other series than those of `names`, in their forward order."""
    wanted = set(names)
    kept = {Tag(measure=measure, subject=n): s for n, s in run.by_subject(measure).items() if n in wanted}
    return replace(run, scalars=kept)


def _middle(layers: dict[str, Series], measure: str) -> tuple[float, bool]:
    """What values are compared with, and whether by their powers of ten; a fraction is worse the higher it is."""
    if measure.endswith("_fraction"):
        return 0.0, False
    value = np.concatenate([s.finite().value for s in layers.values()]) if layers else np.empty(0)
    log = bool((value >= 0).all())
    scale = np.log10(value[value > 0]) if log else value / 2  # halved: differences must not overflow
    return (float(np.median(scale)) if scale.size else 0.0), log


def _worst(tag: Tag, several: Sequence[Series], middle: float, *, log: bool) -> Series:
    step = np.concatenate([s.step for s in several])
    value = np.concatenate([s.value for s in several])
    order = np.lexsort((_distance(value, middle, log=log), step))
    last = order[np.flatnonzero(np.diff(step[order], append=step[order[-1]] + 1))]  # the farthest of each step
    return Series(tag=tag, step=step[last], value=value[last], unit=several[0].unit)


def _distance(value: Values, middle: float, *, log: bool) -> Values:
    finite = np.isfinite(value)
    safe = np.where(finite, value, 0.0)
    scale = np.log10(safe, out=np.zeros(len(safe)), where=safe > 0) if log else safe / 2
    largest = np.finfo(np.float64).max
    return np.asarray(np.select([~finite, log & (safe == 0)], [np.inf, largest], np.abs(scale - middle)))


def _of_rows(finding: Finding, depth: int) -> Finding:
    """The finding with rows in place of the layers it names, each row once."""
    named = dict.fromkeys(row_of(n, depth) for n in (finding.module, *finding.modules) if n)
    return replace(finding, module=next(iter(named), None), modules=tuple(named))
