"""What each filter of a layer answers to one sample."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from torchvitals.present.learned import Array, thinned
from torchvitals.present.marks import empty_figure, new_figure
from torchvitals.present.theme import NONFINITE, ZERO, format_value
from torchvitals.present.tile_marks import (
    DIVERGING,
    FADING,
    add_frames,
    add_pixels,
    add_words,
    columns_for,
    finite_or_gap,
    tile_figure,
)
from torchvitals.present.tiles import lay_out, robust_limit


def feature_map_mosaic(maps: Array | None, sample: int, *, channels: int = 0) -> go.Figure:
    """One tile a channel of (N, C, H, W); of (N, C, L) one row a channel.

    All share one scale, so that a channel which says nothing is flat. Colours run around 0 when there are negative
    outputs, from 0 when there are none. Channels that are above 0 on no recorded sample are framed, NaN as well. `channels` is
    how many the layer has, when the log holds an even choice of them.
    """
    if maps is None or maps.ndim < 3 or not maps.size or sample >= len(maps):
        return empty_figure("No feature maps of this layer and sample were recorded.")
    signed = bool((maps < 0).any())
    limit = _limit(maps[sample])
    low, colours = (-limit, DIVERGING) if signed else (0.0, FADING)
    index = thinned(max(channels, maps.shape[1]), maps.shape[1])
    if maps.ndim == 3:
        return _signals(maps[sample], index, low, limit, colours)
    shown = maps[sample]
    while shown.ndim > 3:
        shown = shown[:, shown.shape[1] // 2]
    tiles = lay_out(list(shown), columns_for(len(shown)))
    figure = tile_figure(tiles)
    add_pixels(figure, tiles, colours=colours, low=low, high=limit)
    add_words(figure, tiles, [_words(int(i), channel) for i, channel in zip(index, maps[sample], strict=True)])
    silent = (np.moveaxis(maps, 1, 0).reshape(maps.shape[1], -1) <= 0).all(axis=1)
    add_frames(figure, tiles, np.flatnonzero(silent), "never above 0", ZERO)
    broken = ~np.isfinite(maps[sample].reshape(maps.shape[1], -1)).all(axis=1)
    add_frames(figure, tiles, np.flatnonzero(broken), "not finite", NONFINITE)
    return figure


def _limit(maps: Array) -> float:
    """Three quarters of the channels stay within it: a few with a large constant would make all others pale."""
    limits = [robust_limit(channel) for channel in maps if np.nan_to_num(channel).any()]
    return float(np.percentile(limits, 75)) if limits else robust_limit(maps)


def _words(channel: int, values: Array) -> str:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return f"channel {channel}<br>not finite"
    size = f"mean {format_value(float(finite.mean()))}, largest {format_value(float(finite.max()))}"
    return f"channel {channel}<br>{size}<br>above 0 at {format_value(float((finite > 0).mean()), 'fraction')}"


def _signals(maps: Array, index: NDArray[np.int64], low: float, high: float, colours: list[list[object]]) -> go.Figure:
    """Outputs along one dimension: a row a channel."""
    figure = new_figure(int(np.clip(90 + 10 * len(maps), 160, 460)))
    figure.add_trace(
        go.Heatmap(
            z=finite_or_gap(maps),
            text=np.broadcast_to(index[:, None], maps.shape),
            colorscale=colours,
            zmin=low,
            zmax=high,
            name="feature maps",
            hoverongaps=False,
            hovertemplate="channel %{text}<br>position %{x}<br>%{z:.3g}<extra></extra>",
            colorbar={"thickness": 10, "outlinewidth": 0, "nticks": 4},
        )
    )
    bad = np.argwhere(~np.isfinite(maps))[:2000]
    if len(bad):
        figure.add_scatter(
            x=bad[:, 1], y=bad[:, 0], mode="markers", name="not finite",
            marker={"symbol": "x-thin", "size": 7, "line": {"width": 2, "color": NONFINITE}},
        )  # fmt: skip
    figure.update_xaxes(title_text="position")
    figure.update_yaxes(autorange="reversed", title_text="channel", showgrid=False)
    return figure.update_layout(showlegend=bool(len(bad)))
