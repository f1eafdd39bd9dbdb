"""Inputs and what was found about them, as pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Pixels = NDArray[np.uint8]

SEQUENTIAL = ((0, 34, 78), (67, 78, 108), (125, 124, 120), (188, 174, 108), (254, 232, 56))  # dark blue to yellow
DIVERGING = ((94, 60, 153), (178, 171, 210), (247, 247, 247), (253, 184, 99), (230, 97, 1))  # purple below 0, orange above
GAP = 255  # white between tiles
SIDE = 96  # pixels that the shorter side of a tile has at least
LONGEST = 2048  # pixels of a whole picture
SQUARE = 64  # features from which on a square number of them is taken for a picture


def pictures(inputs: Array) -> Array | None:
    """Colours (N, H, W, 3) in 0…1 of image inputs (N, C, H, W) or of flattened square ones; None for anything else.

    Three channels are colours, any other number is averaged to grey. The darkest and the brightest half per cent of all
    values are clipped, so that one outlier does not make the rest grey.
    """
    if inputs.ndim == 2 and inputs.shape[1] >= SQUARE and round(inputs.shape[1] ** 0.5) ** 2 == inputs.shape[1]:
        side = round(inputs.shape[1] ** 0.5)
        inputs = inputs.reshape(len(inputs), 1, side, side)
    if inputs.ndim != 4 or not inputs.size:
        return None
    colours = inputs if inputs.shape[1] == 3 else np.repeat(inputs.mean(axis=1, keepdims=True), 3, axis=1)
    finite = colours[np.isfinite(colours)]
    low, high = np.percentile(finite, (0.5, 99.5)) if finite.size else (0.0, 1.0)
    scaled = np.nan_to_num((colours - low) / max(high - low, 1e-12), nan=0.0, posinf=1.0, neginf=0.0)
    return np.asarray(np.clip(scaled, 0, 1).transpose(0, 2, 3, 1), dtype=np.float32)


def coloured(values: Array, *, signed: bool) -> Array:
    """Colours (…, 3) in 0…1 of numbers, by the 99.5th percentile of their size; signed ones diverge from white at zero."""
    size = np.abs(values[np.isfinite(values)])
    top = max(float(np.percentile(size, 99.5)) if size.size else 1.0, 1e-30)
    scaled = np.nan_to_num(values / top, nan=0.0, posinf=1.0, neginf=-1.0)
    anchors = np.array(DIVERGING if signed else SEQUENTIAL, dtype=np.float64) / 255
    at = np.linspace(-1 if signed else 0, 1, len(anchors))
    return np.stack([np.interp(scaled, at, anchors[:, i]) for i in range(3)], axis=-1).astype(np.float32)


def resized(maps: Array, height: int, width: int) -> Array:
    """Maps (N, h, w) enlarged to (N, height, width) by repeating the nearest value."""
    rows = np.minimum(np.arange(height) * maps.shape[1] // height, maps.shape[1] - 1)
    columns = np.minimum(np.arange(width) * maps.shape[2] // width, maps.shape[2] - 1)
    return maps[:, rows][:, :, columns]


def overlaid(colours: Array, maps: Array, opacity: float = 0.55) -> Array:
    """Maps (N, h, w) of numbers from zero on laid over pictures (N, H, W, 3); where a map is zero the picture shows.

    Each map has a range of its own, up to its largest number: a map tells where, and not how much.
    """
    heat = np.nan_to_num(resized(maps, *colours.shape[1:3]), posinf=0.0)
    share = np.clip(heat / np.maximum(heat.max(axis=(1, 2), keepdims=True), 1e-30), 0, 1)
    weight = opacity * share[..., None]
    return np.asarray((1 - weight) * colours + weight * coloured(share, signed=False), dtype=np.float32)


def tiled(rows: Sequence[Array], side: int = SIDE) -> Pixels:
    """Rows of equally large tiles (N, H, W, 3) in 0…1 as one picture, with a white line between the tiles.

    Tiles are enlarged until their shorter side has at least `side` pixels, as long as the whole does not get too large.
    """
    height, width = rows[0].shape[1:3]
    factor = max(1, -(-side // min(height, width)))
    while factor > 1 and max(len(rows) * height, len(rows[0]) * width) * factor > LONGEST:
        factor -= 1
    strips = [_strip([_enlarged(tile, factor) for tile in row]) for row in rows]
    line = np.full((1, strips[0].shape[1], 3), GAP, dtype=np.uint8)
    joined = [part for strip in strips for part in (strip, line)][:-1]
    whole = np.concatenate(joined, axis=0)
    step = -(-max(whole.shape[:2]) // LONGEST)
    return np.ascontiguousarray(whole[::step, ::step])


def _enlarged(tile: Array, factor: int) -> Pixels:
    pixels = np.round(255 * np.clip(np.nan_to_num(tile), 0, 1)).astype(np.uint8)
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def _strip(tiles: Sequence[Pixels]) -> Pixels:
    line = np.full((tiles[0].shape[0], 1, 3), GAP, dtype=np.uint8)
    return np.concatenate([part for tile in tiles for part in (tile, line)][:-1], axis=1)
