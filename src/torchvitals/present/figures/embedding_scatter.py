"""How the network arranges the samples before it answers."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from torchvitals.present.downsample import MAX_POINTS
from torchvitals.present.learned import Array
from torchvitals.present.marks import empty_figure, new_figure
from torchvitals.present.theme import CATEGORICAL, MUTED, format_value

SHAPES = ("circle", "square", "diamond", "triangle-up", "cross", "x", "triangle-down", "pentagon", "hexagram", "star")
MOST_CLASSES = 10
FLATTEST = 0.25  # a flatter cloud would be a line if both directions had one scale


def embedding_scatter(values: Array | None, targets: Array | None = None) -> go.Figure:
    """The two directions of (N, D) with the largest variance; a colour and a shape for each class of `targets` (N, 1).

    Axis titles give each direction's share of the variance. Samples that are not finite are left out and counted.
    """
    if values is None or values.ndim != 2 or not values.size:
        return empty_figure("No embeddings were recorded.")
    values = values[:MAX_POINTS]
    fine = np.isfinite(values).all(axis=1)
    if int(fine.sum()) < 2:
        return empty_figure("Fewer than two samples have finite embeddings.")
    points, share = principal_components(values[fine])
    figure = new_figure(460)
    sample = np.flatnonzero(fine)
    for name, members, color, shape in _groups(targets, sample):
        figure.add_scatter(
            x=points[members, 0],
            y=points[members, 1],
            mode="markers",
            name=name,
            customdata=sample[members],
            marker={"size": 8, "color": color, "symbol": shape, "opacity": 0.85},
            hovertemplate="sample %{customdata}<extra>" + name + "</extra>",
        )
    lost = int((~fine).sum())
    words = f"; {lost} not finite, left out" if lost else ""
    figure.update_xaxes(title_text=f"1st direction: {share[0]:.0%} of the variance{words}", showgrid=True)
    figure.update_yaxes(title_text=f"2nd direction: {share[1]:.0%}", showgrid=True)
    long, short = sorted(np.ptp(points, axis=0), reverse=True)
    if short > FLATTEST * long:
        # One unit is as long in both directions; the plane shrinks to the points instead of the points in a wide plane.
        figure.update_yaxes(scaleanchor="x", constrain="domain")
        figure.update_xaxes(constrain="domain", constraintoward="left")
    return figure.update_layout(margin={"t": 44})


def principal_components(values: Array) -> tuple[Array, Array]:
    """The first two principal components (N, 2) of (N, D), and their shares of the variance (2,)."""
    scale = float(np.abs(values).max()) or 1.0  # so that no square overflows
    centred = values / scale - (values / scale).mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    total = float(np.square(sizes).sum()) or 1.0
    points, share = np.zeros((len(values), 2)), np.zeros(2)
    kept = min(2, len(sizes))
    points[:, :kept] = left[:, :kept] * sizes[:kept] * scale
    share[:kept] = np.square(sizes[:kept]) / total
    return points, share


def _groups(targets: Array | None, sample: np.ndarray) -> list[tuple[str, np.ndarray, str, str]]:
    """Name, members, colour and shape of each class; one group when there are no classes."""
    everyone = [("samples", np.arange(len(sample)), CATEGORICAL[0], SHAPES[0])]
    if targets is None or targets.ndim != 2 or targets.shape[1] != 1 or len(targets) <= int(sample.max()):
        return everyone
    classes = targets[sample, 0]
    names = np.unique(classes[np.isfinite(classes)])
    if not len(names) or (names != names.round()).any():
        return everyone
    groups = [
        (f"class {format_value(float(c))}", np.flatnonzero(classes == c), CATEGORICAL[i], SHAPES[i])
        for i, c in enumerate(names[:MOST_CLASSES])
    ]
    rest = np.flatnonzero(~np.isin(classes, names[:MOST_CLASSES]))
    return [*groups, ("other classes", rest, MUTED, "circle-open")] if len(rest) else groups
