"""The samples the network is furthest from: wrong labels, rare cases, or what it has not understood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from torchvitals.present.learned import Array
from torchvitals.present.marks import empty_figure, new_figure
from torchvitals.present.theme import CATEGORICAL, NONFINITE, format_value
from torchvitals.present.tile_marks import GREY, add_pixels, add_words, tile_figure
from torchvitals.present.tiles import lay_out, picture

SHOWN = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lost:
    """Samples by their loss, largest first. Shapes: all (M,)."""

    sample: NDArray[np.int64]
    loss: Array  # NaN and infinity come first: nothing is lost more
    words: tuple[str, ...]  # "true 3, said 5" for each; empty when there are no classes


def most_lost_samples(loss: Array, targets: Array | None, outputs: Array | None, count: int = SHOWN) -> Lost:
    """The `count` samples with the largest loss. Shapes: `loss` (N,), `targets` (N, 1), `outputs` (N, C)."""
    order = np.argsort(-np.where(np.isfinite(loss), loss, np.inf), kind="stable")[:count]
    return Lost(sample=order, loss=loss[order], words=tuple(said(targets, outputs, int(i)) for i in order))


def said(targets: Array | None, outputs: Array | None, sample: int) -> str:
    """What a sample is and what the network said of it; empty when there are no classes to name.

    Example:
        >>> said(np.array([[2.0]]), np.array([[0.1, 0.9, 0.0]]), 0)
        'true 2, said 1'
    """
    parts = []
    if targets is not None and targets.ndim == 2 and targets.shape[1] == 1 and sample < len(targets):
        parts.append(f"true {format_value(float(targets[sample, 0]))}")
    if outputs is not None and outputs.ndim == 2 and sample < len(outputs):
        row = outputs[sample]
        answer = format_value(float(row[0])) if row.size == 1 else str(int(np.nan_to_num(row, nan=-np.inf).argmax()))
        parts.append(f"said {answer}" if np.isfinite(row).all() else "said nothing finite")
    return ", ".join(parts)


def most_lost(lost: Lost, inputs: Array | None) -> go.Figure:
    """The samples as pictures with their loss below, or as bars when the inputs are no pictures.

    `inputs` (N, C, H, W) or (N, H, W) with the samples in the order of the losses.
    """
    if not len(lost.sample):
        return empty_figure("No loss of single samples was recorded.")
    if inputs is None or inputs.ndim < 3 or int(lost.sample.max()) >= len(inputs):
        return _bars(lost)
    pictures = [picture(inputs[i]) for i in lost.sample]
    tiles = lay_out(pictures, SHOWN)
    figure = tile_figure(tiles, tile_px=124, room=56)
    finite = inputs[np.isfinite(inputs)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    add_pixels(figure, tiles, colours=GREY, low=low, high=high if high > low else low + 1)
    add_words(figure, tiles, [_hover(lost, i) for i in range(len(lost.sample))])
    if tiles.rows == 1:
        figure.update_xaxes(showticklabels=True, tickvals=tiles.x.tolist(), ticktext=_below(lost), tickfont={"size": 12})
    return figure.update_layout(margin={"b": 56})


def _below(lost: Lost) -> list[str]:
    rows = zip(lost.words, lost.loss, strict=True)
    return [f"{words.replace(', ', '<br>')}<br>loss {format_value(float(loss))}" for words, loss in rows]


def _hover(lost: Lost, place: int) -> str:
    words = f"{lost.words[place]}<br>" if lost.words[place] else ""
    return f"sample {lost.sample[place]}<br>{words}loss {format_value(float(lost.loss[place]))}"


def _bars(lost: Lost) -> go.Figure:
    names = [f"sample {i}" + (f": {w}" if w else "") for i, w in zip(lost.sample, lost.words, strict=True)]
    fine = np.isfinite(lost.loss)
    figure = new_figure(60 + 30 * len(names))
    figure.add_bar(
        x=np.where(fine, lost.loss, 0.0),
        y=names,
        orientation="h",
        name="loss",
        marker={"color": CATEGORICAL[0], "cornerradius": 3},
        hovertemplate="%{y}<br>loss %{x:.3g}<extra></extra>",
    )
    if not fine.all():
        figure.add_scatter(
            x=[0.0] * int((~fine).sum()),
            y=[n for n, ok in zip(names, fine, strict=True) if not ok],
            mode="markers+text",
            name="not finite",
            text=[f"  {format_value(float(v))}" for v in lost.loss[~fine]],
            textposition="middle right",
            textfont={"color": NONFINITE},
            marker={"symbol": "x-thin", "size": 9, "line": {"width": 2, "color": NONFINITE}},
            hoverinfo="skip",
        )
    figure.update_xaxes(title_text="loss", rangemode="tozero", showgrid=True, exponentformat="power")
    figure.update_yaxes(autorange="reversed", showgrid=False, ticklabelstandoff=8)
    return figure.update_layout(showlegend=False, bargap=0.4, margin={"t": 8})
