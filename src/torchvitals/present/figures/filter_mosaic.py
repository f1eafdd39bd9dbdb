"""The filters of a layer side by side: which have found a pattern, which are noise, and which are dead."""

from __future__ import annotations

from typing import Literal

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from torchvitals.present.learned import Array, Filters
from torchvitals.present.marks import empty_figure
from torchvitals.present.theme import NONFINITE, ZERO, format_value
from torchvitals.present.tile_marks import GREY, add_frames, add_pixels, add_words, columns_for, tile_figure
from torchvitals.present.tiles import lay_out, picture, robust_limit, strongest

Order = Literal["index", "norm", "activity"]


def filter_mosaic(filters: Filters | None, *, order: Order = "index", channel: int | None = None) -> go.Figure:
    """One tile a filter; mid-grey is a weight of 0, and all tiles share one scale, so that a dead filter is flat.

    Filters over three channels are colours. Of other filters the input `channel` is drawn, or the one with the largest
    norm in each; filters in one dimension are drawn with channels as rows, those in three by their middle slice. Dead
    filters and those with NaN are framed and labelled.
    """
    if filters is None:
        return empty_figure("No filters of this layer were recorded.")
    places = ordered(filters, order)
    pictures = [_picture(filters.weights[i], channel) for i in places]
    tiles = lay_out(pictures, columns_for(len(pictures)))
    limit = robust_limit(np.stack(pictures))
    figure = tile_figure(tiles)
    add_pixels(figure, tiles, colours=GREY, low=-limit, high=limit)
    add_words(figure, tiles, [_words(filters, int(i), channel) for i in places])
    broken = filters.broken[places]
    add_frames(figure, tiles, np.flatnonzero(filters.dead[places] & ~broken), "dead", ZERO)
    add_frames(figure, tiles, np.flatnonzero(broken), "not finite", NONFINITE)
    return figure


def ordered(filters: Filters, order: Order) -> NDArray[np.int64]:
    """Places of the filters: as in the layer, or by norm or activity, largest first and NaN last."""
    by = {"norm": filters.norm, "activity": filters.activity}.get(order)
    if by is None:
        return np.arange(len(filters.weights))
    return np.argsort(-np.where(np.isnan(by), -np.inf, by), kind="stable")


def _picture(weights: Array, channel: int | None) -> Array:
    if channel is not None and weights.ndim >= 3:
        channel = min(channel, len(weights) - 1)
    return picture(weights, channel=channel)


def _words(filters: Filters, place: int, channel: int | None) -> str:
    weights = filters.weights[place]
    lines = [f"filter {filters.index[place]}", f"norm {format_value(float(filters.norm[place]))}"]
    if filters.activity is not None:
        lines.append(f"active at {format_value(float(filters.activity[place]), 'fraction')} of the probe's positions")
    if filters.similarity is not None:
        lines.append(f"largest likeness to another {format_value(float(filters.similarity[place]))}")
    if weights.ndim >= 3 and channel is None and len(weights) not in (1, 3):
        lines.append(f"drawn: input channel {strongest(weights)}")
    return "<br>".join(lines)
