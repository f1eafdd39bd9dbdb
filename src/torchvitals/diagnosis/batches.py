"""How the batches of a run differ from one another, against random draws: shuffled loaders have a dispersion of about 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from torchvitals.core.run import Run
from torchvitals.core.series import Series, VectorSeries
from torchvitals.diagnosis.curves import TO_STD

Values = NDArray[np.float64]
FEWEST = 16  # samples of a block: the classes of a single sample say nothing about the order
EXPECTED = 1.0  # samples of a class in a block, below which classes are put together


def class_counts(run: Run, measure: str = "target_class_count") -> VectorSeries | None:
    """Counts of each class, batch by batch; None when the targets are no class indices."""
    counts = run.vectors_by_subject(measure).get("train")
    return counts if counts is not None and len(counts) else None


def label_dispersion(counts: VectorSeries) -> Values:
    """χ²/(C − 1) of each block of batches against the shares of all: (B,); empty where there is nothing to compare.

    Batches of fewer than 16 samples are put together with those that follow: of a single sample χ²/(C − 1) is 1 on average,
    whatever the order. The rarest classes, together expected less than once a block, are one class with the next larger one.
    """
    table = counts.matrix()
    table = _merged(table[np.isfinite(table).all(axis=1)])
    size = table.sum(axis=1)
    table, size = table[size > 0], size[size > 0]
    if len(table) < 2:
        return np.empty(0)
    table = _without_rare(table, EXPECTED / float(np.median(size)))
    share = table.sum(axis=0) / size.sum()
    if len(share) < 2:
        return np.empty(0)
    expected = size[:, None] * share
    chi: Values = ((table - expected) ** 2 / expected).sum(axis=1) / (len(share) - 1)
    return chi


def _without_rare(table: Values, least: float) -> Values:
    """Classes (columns) whose share is below `least` put together, with the smallest other one if that is not enough."""
    table = table[:, np.argsort(table.sum(axis=0), kind="stable")]
    together = np.cumsum(table.sum(axis=0)) / table.sum()
    first = int(np.argmax(together >= least))  # columns 0 to `first` are rare, or make up what the rare ones lack
    joined: Values = np.column_stack([table[:, : first + 1].sum(axis=1), table[:, first + 1 :]])
    return joined


def _merged(table: Values) -> Values:
    """Neighbouring rows added up until each holds `FEWEST` samples or more; an incomplete last block is left out."""
    if not len(table) or not table.sum():
        return np.empty((0, table.shape[1] if table.ndim == 2 else 0))
    together = int(np.ceil(FEWEST / max(float(np.median(table.sum(axis=1))), 1.0)))
    whole = len(table) // together * together
    merged: Values = table[:whole].reshape(-1, together, table.shape[1]).sum(axis=1)
    return merged


def balanced_by_design(counts: VectorSeries) -> bool:
    """Whether most batches hold several classes with equally many samples each, at least two: pairs or triplets."""
    rows = counts.matrix()
    present = [row[row > 0] for row in rows]
    return bool(np.mean([len(p) >= 2 and p.min() >= 2 and p.min() == p.max() for p in present]) >= 0.5)


def feature_dispersion(run: Run) -> tuple[float, int]:
    """Var_t(m)/mean_t(e²), averaged over the features with e > 0, and the number of batches; NaN where it was not recorded.

    m are the means of the batches, e their standard errors for random draws (see the instrument `input_features`).
    """
    means, errors = (run.vectors_by_subject(f"input_feature_{part}").get("model") for part in ("mean", "error"))
    if means is None or errors is None or len(errors) < 2:
        return float("nan"), 0
    both, i, j = np.intersect1d(means.step, errors.step, return_indices=True)
    m, e = means.matrix()[i], errors.matrix()[j]
    if m.shape != e.shape or len(both) < 2:
        return float("nan"), 0
    usable = np.isfinite(m).all(axis=1) & np.isfinite(e).all(axis=1)
    m, e2 = m[usable], (e[usable] ** 2).mean(axis=0) if usable.any() else np.zeros(e.shape[1])
    if len(m) < 2 or not (e2 > 0).any():
        return float("nan"), 0
    return float((_variance(m)[e2 > 0] / e2[e2 > 0]).mean()), len(m)


def target_dispersion(run: Run, samples: float) -> tuple[float, int]:
    """The same of floating targets with one column: Var_t(mean)·n/mean_t(variance), and the number of batches."""
    mean, variance = run.scalar("target_mean", "train"), run.scalar("target_variance", "train")
    if mean is None or variance is None or not one_column(run) or not samples >= 2:
        return float("nan"), 0
    m, v = _common(mean.finite(), variance.finite())
    if len(m) < 2 or not v.mean() > 0:
        return float("nan"), 0
    return float(_variance(m[:, None])[0] * samples / v.mean()), len(m)


def _variance(rows: Values) -> Values:
    """Variance of each column (T, F) as the median absolute deviation tells it: a stretch of odd batches is no order."""
    deviation: Values = np.median(np.abs(rows - np.median(rows, axis=0)), axis=0)
    return (TO_STD * deviation) ** 2


def one_column(run: Run) -> bool:
    """Whether each sample has a single target."""
    shape = None if run.manifest is None else run.manifest.target_shape
    return shape is not None and len(shape) >= 1 and int(np.prod(shape[1:], dtype=np.int64)) == 1


def _common(a: Series, b: Series) -> tuple[Values, Values]:
    _, i, j = np.intersect1d(a.step, b.step, return_indices=True)
    return a.value[i], b.value[j]
