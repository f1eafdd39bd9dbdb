"""What went into an autoencoder, and what came out of it below."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from torchvitals.present.learned import Array
from torchvitals.present.marks import empty_figure
from torchvitals.present.theme import format_value
from torchvitals.present.tile_marks import GREY, add_pixels, add_words, tile_figure
from torchvitals.present.tiles import lay_out, picture

SHOWN = 8


def reconstruction(inputs: Array | None, outputs: Array | None) -> go.Figure:
    """Inputs above, reconstructions below, on the scale of the inputs. Shapes: both (N, *input), the first 8 drawn.

    What is not finite is a hole. The hover text gives the mean squared error of the sample.
    """
    count = 0 if inputs is None or outputs is None else min(len(inputs), len(outputs), SHOWN)
    if inputs is None or outputs is None or not count or inputs.shape[1:] != outputs.shape[1:] or not inputs[0].size:
        return empty_figure("No reconstructions were recorded.")
    above, below = ([picture(a[i]) for i in range(count)] for a in (inputs, outputs))
    if above[0].ndim == 2:  # the strongest channel of one picture need not be that of the other
        above = [_same_channel(inputs[i], inputs[i]) for i in range(count)]
        below = [_same_channel(outputs[i], inputs[i]) for i in range(count)]
    tiles = lay_out([*above, *below], count)
    figure = tile_figure(tiles, tile_px=112, room=10)
    finite = inputs[:count][np.isfinite(inputs[:count])]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    add_pixels(figure, tiles, colours=GREY, low=low, high=high if high > low else low + 1)
    with np.errstate(over="ignore", invalid="ignore"):
        errors = [float(np.mean(np.square(outputs[i] - inputs[i]))) for i in range(count)]
    words = [f"sample {i}<br>mean squared error {format_value(e)}" for i, e in enumerate(errors)]
    add_words(figure, tiles, [*words, *words])
    figure.update_yaxes(
        automargin=True, showticklabels=True, tickvals=tiles.y.tolist(), ticktext=["input", "output"], ticklabelstandoff=8
    )
    return figure


def _same_channel(values: Array, chosen_by: Array) -> Array:
    from torchvitals.present.tiles import strongest

    return picture(values, channel=strongest(chosen_by) if values.ndim == 3 else None)
