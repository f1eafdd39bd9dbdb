"""What the answer rests on: the input, where Grad-CAM looks, and integrated gradients beside those of a random network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from torchvitals.core.run import Run
from torchvitals.present import learned
from torchvitals.present.learned import Array
from torchvitals.present.marks import empty_figure
from torchvitals.present.text import chart_text
from torchvitals.present.theme import NONFINITE, SEQUENTIAL, format_value
from torchvitals.present.tile_marks import DIVERGING, GREY, add_frames, add_pixels, add_words, tile_figure
from torchvitals.present.tiles import Tiles, lay_out, picture, resized, robust_limit

# Cividis whose lower half lets the input through.
GLOW = [
    [0, "rgba(0,34,78,0)"],
    [0.35, "rgba(0,34,78,0.25)"],
    [0.7, "rgba(165,156,116,0.65)"],
    [1, "rgba(254,232,56,0.9)"],
]
assert SEQUENTIAL[0] == "#00224E"  # GLOW is written in its colours
assert SEQUENTIAL[-1] == "#FEE838"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Attributions:
    """What was recorded of a step. Shapes: `inputs`, `gradients`, `randomised`, `occlusion` (N, *input), `cam` (N, h, w)."""

    inputs: Array | None = None
    cam: Array | None = None
    gradients: Array | None = None  # integrated gradients
    randomised: Array | None = None  # the same of a network with random weights
    occlusion: Array | None = None

    @property
    def count(self) -> int:
        """How many samples have an attribution."""
        return max((len(a) for a in (self.cam, self.gradients, self.occlusion) if a is not None), default=0)

    @property
    def pictures(self) -> bool:
        """Whether the attributions lie on a plane: images, or channels over time."""
        known = self.gradients if self.gradients is not None else self.occlusion if self.occlusion is not None else self.inputs
        return known is not None and known.ndim >= 3


def attributions_at(run: Run, step: int) -> Attributions:
    """All attributions of a run at the step, or at the last look before it."""

    def model(measure: str) -> Array | None:
        return learned.as_pictures(run, learned.tensor_at(run, measure, learned.MODEL, step))

    layers = learned.subjects(run, "grad_cam_values")
    return Attributions(
        inputs=model("probe_inputs"),
        cam=learned.tensor_at(run, "grad_cam_values", layers[0], step) if layers else None,
        gradients=model("integrated_gradients_values"),
        randomised=model("integrated_gradients_randomised"),
        occlusion=model("occlusion_values"),
    )


def attribution_overlay(made: Attributions, samples: Sequence[int], labels: Sequence[str] = ()) -> go.Figure:
    """One row a sample; input, Grad-CAM over the input, then the signed maps: blue speaks against, orange for the answer.

    Each signed map has a scale of its own: random weights give far smaller numbers, and it is the pattern that must differ.
    Maps are summed over the channels. `labels` name the rows.
    """
    rows = [i for i in samples if i < made.count]
    if not rows or not made.pictures:
        return empty_figure("No attributions of this sample were recorded.")
    columns = _columns(made, rows)
    tiles = lay_out([tile for i in range(len(rows)) for tile in (_grey(c[i]) for c in columns.values())], len(columns))
    figure = tile_figure(tiles, tile_px=236, room=28)
    _add_columns(figure, tiles, list(columns), columns)
    add_words(figure, tiles, _words(list(columns), columns, rows))
    bad = [i * len(columns) + j for j, c in enumerate(columns.values()) for i, v in enumerate(c) if not np.isfinite(v).all()]
    add_frames(figure, tiles, np.array(bad, dtype=np.intp), "not finite", NONFINITE)
    names = [chart_text(label, 40).replace(", ", "<br>") for label in labels] or [f"sample {i}" for i in rows]
    figure.update_xaxes(side="top", showticklabels=True, tickvals=tiles.x.tolist(), ticktext=list(columns))
    figure.update_yaxes(
        automargin=True, showticklabels=True, tickvals=tiles.y.tolist(), ticktext=names[: len(rows)], ticklabelstandoff=8
    )
    return figure.update_layout(margin={"t": 28})


def over_channels(values: Array) -> Array:
    """Attributions (C, H, W) → (H, W), summed over the channels; (C, L) and (H, W) as they are."""
    while values.ndim > 3:
        values = values[:, values.shape[1] // 2]
    return values.sum(axis=0) if values.ndim == 3 else values


def _columns(made: Attributions, rows: Sequence[int]) -> dict[str, list[Array]]:
    """The pictures of each column, all of one size; a column that was not recorded is absent."""
    found: dict[str, list[Array]] = {}
    if made.inputs is not None and max(rows) < len(made.inputs):
        found["input"] = [picture(made.inputs[i]) for i in rows]
    for name, maps in (
        ("Grad-CAM", made.cam),
        ("integrated gradients", made.gradients),
        ("with random weights", made.randomised),
        ("occlusion", made.occlusion),
    ):
        if maps is not None and max(rows) < len(maps):
            found[name] = [over_channels(maps[i]) for i in rows]
    # The log averages large pictures down, each kind by what it has room for.
    height, width = max((tiles[0].shape[:2] for tiles in found.values()), key=lambda s: s[0] * s[1])
    return {name: [_lying(resized(tile, height, width)) for tile in tiles] for name, tiles in found.items()}


def _lying(tile: Array) -> Array:
    """Series (T, F) that are far longer than wide run to the right."""
    return tile.swapaxes(0, 1) if tile.shape[0] > 3 * tile.shape[1] else tile


def _add_columns(figure: go.Figure, tiles: Tiles, names: list[str], columns: dict[str, list[Array]]) -> None:
    """Draw each kind of column in its own colours, on its own trace over the whole plane."""
    inputs = columns.get("input")
    if inputs is not None:
        finite = np.concatenate([i[np.isfinite(i)] for i in inputs])
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        behind = [names.index(n) for n in ("input", "Grad-CAM") if n in names]
        base = _placed(tiles, dict.fromkeys(behind, inputs), len(names))
        add_pixels(figure, base, colours=GREY, low=low, high=high if high > low else low + 1)
    if "Grad-CAM" in columns:
        cam = _scaled([np.clip(c, 0, None) for c in columns["Grad-CAM"]])
        add_pixels(figure, _placed(tiles, {names.index("Grad-CAM"): cam}, len(names)), colours=GLOW, low=0, high=1)
    signed = {n: _scaled(maps) for n, maps in columns.items() if n not in ("input", "Grad-CAM")}
    if signed:
        placed = _placed(tiles, {names.index(n): maps for n, maps in signed.items()}, len(names))
        add_pixels(figure, placed, colours=DIVERGING, low=-1, high=1)


def _placed(tiles: Tiles, columns: dict[int, list[Array]], width: int) -> Tiles:
    """Only these columns of the plane, all others gaps."""
    rows = len(next(iter(columns.values())))
    empty = np.full(next(iter(columns.values()))[0].shape, np.nan)
    return lay_out([columns[j][i] if j in columns else empty for i in range(rows) for j in range(width)], tiles.columns)


def _scaled(maps: list[Array]) -> list[Array]:
    return [m / robust_limit(m) for m in maps]


def _words(names: list[str], columns: dict[str, list[Array]], rows: Sequence[int]) -> list[str]:
    """What each tile sums to: for integrated gradients, the change of the answer against the baseline."""
    words = []
    for i, sample in enumerate(rows):
        for name in names:
            total = float(columns[name][i].sum())
            sums = "" if name in ("input", "Grad-CAM") else f"<br>sums to {format_value(total)}"
            words.append(f"sample {sample}<br>{name}{sums}")
    return words


def _grey(values: Array) -> Array:
    return values[..., 0] if values.ndim == 3 else values
