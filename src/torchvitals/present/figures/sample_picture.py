"""One sample of the probe as the network sees it."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from torchvitals.present.learned import Array
from torchvitals.present.marks import empty_figure
from torchvitals.present.theme import NONFINITE
from torchvitals.present.tile_marks import GREY, add_frames, add_pixels, tile_figure
from torchvitals.present.tiles import lay_out, picture


def sample_picture(inputs: Array | None, sample: int) -> go.Figure:
    """A sample of (N, C, H, W), in colour when C is 3, else in grey, from the smallest to the largest of all inputs."""
    if inputs is None or inputs.ndim < 3 or sample >= len(inputs) or not inputs.size:
        return empty_figure("This sample is no picture.")
    finite = inputs[np.isfinite(inputs)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    tiles = lay_out([picture(inputs[sample])], 1)
    figure = tile_figure(tiles, tile_px=150)
    add_pixels(figure, tiles, colours=GREY, low=low, high=high if high > low else low + 1)
    if not np.isfinite(inputs[sample]).all():
        add_frames(figure, tiles, np.array([0]), "not finite", NONFINITE)
    return figure
