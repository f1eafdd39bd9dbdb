"""Where each attention head looks."""

from __future__ import annotations

import math

import numpy as np
import plotly.graph_objects as go

from torchvitals.present.learned import Array
from torchvitals.present.marks import empty_figure
from torchvitals.present.theme import NONFINITE, format_value
from torchvitals.present.tile_marks import FADING, add_frames, add_pixels, add_words, tile_figure
from torchvitals.present.tiles import lay_out

HEADS_A_ROW = 4


def attention_map(weights: Array | None, sample: int) -> go.Figure:
    """One tile a head of (N, heads, Q, K): queries downwards, keys to the right, brightest where the weight is largest.

    All heads share one scale from 0. The hover text gives the mean entropy of the rows in nats; even attention over K
    keys has ln K, attention to a single key has 0.
    """
    if weights is None or weights.ndim != 4 or not weights.size or sample >= len(weights):
        return empty_figure("No attention of this call and sample was recorded.")
    heads = weights[sample]
    tiles = lay_out(list(heads), HEADS_A_ROW if len(heads) > 2 else len(heads))
    figure = tile_figure(tiles, tile_px=230, room=24)
    finite = heads[np.isfinite(heads)]
    add_pixels(figure, tiles, colours=FADING, low=0.0, high=float(finite.max(initial=0.0)) or 1.0)
    add_words(figure, tiles, [_words(i, head) for i, head in enumerate(heads)])
    add_frames(figure, tiles, np.flatnonzero(~np.isfinite(heads).all(axis=(1, 2))), "not finite", NONFINITE)
    figure.update_xaxes(
        side="top",
        showticklabels=True,
        tickvals=tiles.x.tolist(),
        ticktext=[_above(i, len(heads), tiles.columns) for i in range(tiles.columns)],
    )
    return figure.update_layout(margin={"t": 24})


def entropy(rows: Array) -> float:
    """Mean −∑ p ln p of the rows of (Q, K), in nats; NaN when there is no finite row."""
    rows = rows[np.isfinite(rows).all(axis=1)]
    if not len(rows):
        return math.nan
    safe = np.where(rows > 0, rows, 1.0)
    return abs(float((rows * np.log(safe)).sum(axis=1).mean()))


def _words(head: int, rows: Array) -> str:
    even = format_value(math.log(rows.shape[1]))
    return f"head {head}<br>mean entropy {format_value(entropy(rows))} of {even} nats"


def _above(column: int, heads: int, columns: int) -> str:
    """The heads that stand in a column."""
    here = list(range(column, heads, columns))
    return f"head {here[0]}" if len(here) == 1 else f"heads {', '.join(map(str, here))}"
