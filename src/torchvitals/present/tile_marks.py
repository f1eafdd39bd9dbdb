"""Tiles on a chart: their pixels in grey or colour, what is said of each, and a frame around those that stand out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from torchvitals.present.marks import new_figure
from torchvitals.present.theme import CATEGORICAL, GRID, SEQUENTIAL
from torchvitals.present.tiles import Array, Tiles

GREY = [[0, "#000000"], [1, "#FFFFFF"]]
FADING = [[i / (len(SEQUENTIAL) - 1), color] for i, color in enumerate(SEQUENTIAL)]
# Around zero: nothing is nearly transparent, so that it recedes on a light page and on a dark one.
DIVERGING = [[0, CATEGORICAL[0]], [0.5, GRID], [1, CATEGORICAL[1]]]
UNSEEN = [[0, "rgba(0,0,0,0)"], [1, "rgba(0,0,0,0)"]]
WIDE = 16  # tiles a row at most
NARROW = 8  # as long as there are few
WIDEST_PX = 1000
TILE_PX = 96
TALLEST_PX = 1600


def columns_for(count: int) -> int:
    """How many tiles stand in a row."""
    return NARROW if count <= 4 * NARROW else WIDE


def tile_figure(tiles: Tiles, *, tile_px: int = TILE_PX, room: int = 0) -> go.Figure:
    """A figure whose axes count the pixels of the tiles; `room` is kept for words around them, in px of the page."""
    tall, wide = tiles.pixels.shape[:2]
    scale = min(tile_px * tiles.columns, WIDEST_PX) / wide
    figure = new_figure(int(min(TALLEST_PX, max(48, scale * tall)) + 16 + room))
    hidden: dict[str, Any] = {"showgrid": False, "showline": False, "showticklabels": False, "automargin": False}
    hidden |= {"fixedrange": True, "title": {"text": ""}}
    figure.update_xaxes(range=[-0.5, wide - 0.5], constrain="domain", constraintoward="left", **hidden)
    figure.update_yaxes(range=[tall - 0.5, -0.5], scaleanchor="x", constrain="domain", constraintoward="top", **hidden)
    return figure.update_layout(margin={"l": 0, "r": 0, "t": 8, "b": 8}, showlegend=False)


def add_pixels(figure: go.Figure, tiles: Tiles, *, colours: list[Any], low: float, high: float, opacity: float = 1.0) -> None:
    """Draw the pixels from `low` to `high`: in `colours`, or as they are when they have three channels."""
    if tiles.pixels.ndim == 3:
        figure.add_trace(go.Image(z=_as_rgba(tiles.pixels, low, high), colormodel="rgba256", hoverinfo="skip"))
        return
    figure.add_trace(
        go.Heatmap(
            z=finite_or_gap(tiles.pixels),
            colorscale=colours,
            zmin=low,
            zmax=high,
            showscale=False,
            hoverinfo="skip",
            opacity=opacity,
        )
    )


def add_words(figure: go.Figure, tiles: Tiles, words: Sequence[str]) -> None:
    """What the pointer reads on each tile; the words must be fit for a chart."""
    filled = [*words, *[""] * (tiles.rows * tiles.columns - len(words))]
    text = np.array(filled, dtype=object).reshape(tiles.rows, tiles.columns)
    # Edges, not centres: with a single row or column a centre alone has no width.
    x = [tiles.box(c)[0] for c in range(tiles.columns)] + [tiles.box(tiles.columns - 1)[2]]
    y = [tiles.box(r * tiles.columns)[1] for r in range(tiles.rows)] + [tiles.box((tiles.rows - 1) * tiles.columns)[3]]
    figure.add_trace(
        go.Heatmap(
            x=x,
            y=y,
            z=np.where(text == "", np.nan, 0.0).astype(np.float32),
            text=text,
            name="tiles",
            colorscale=UNSEEN,
            showscale=False,
            hoverongaps=False,
            hovertemplate="%{text}<extra></extra>",
        )
    )


def add_frames(figure: go.Figure, tiles: Tiles, places: NDArray[np.intp], name: str, color: str) -> None:
    """Frame and label some tiles, in one trace however many there are."""
    if not len(places):
        return
    x: list[float | None] = []
    y: list[float | None] = []
    for place in places:
        left, top, right, bottom = tiles.box(int(place))
        x += [left, right, right, left, left, None]
        y += [top, top, bottom, bottom, top, None]
    frame = {"color": color, "width": 2.5}
    figure.add_scatter(x=x, y=y, mode="lines", line=frame, name=name, hoverinfo="skip", cliponaxis=False)
    for place in places:
        left, top, _, _ = tiles.box(int(place))
        figure.add_annotation(
            x=left, y=top, xanchor="left", yanchor="top", text=name, showarrow=False, bgcolor=color, borderpad=1,
            font={"size": 10, "color": "#FFFFFF"},
        )  # fmt: skip


def finite_or_gap(values: Array) -> np.ndarray:
    """Numbers for a chart: float32, what is not finite a gap."""
    return np.clip(np.where(np.isfinite(values), values, np.nan), -3e38, 3e38).astype(np.float32)


def _as_rgba(pixels: Array, low: float, high: float) -> np.ndarray:
    """(H, W, 3) between low and high → uint8 (H, W, 4); gaps and what is not finite are transparent."""
    seen = np.isfinite(pixels).all(axis=-1, keepdims=True)
    scaled = np.clip((np.where(seen, pixels, low) - low) / (high - low), 0, 1)
    return np.concatenate([scaled * 255, seen * 255.0], axis=-1).round().astype(np.uint8)
