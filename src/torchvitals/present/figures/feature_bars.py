"""What the answer rests on when the input is a row of features or of tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from torchvitals.present.learned import Array
from torchvitals.present.marks import empty_figure, new_figure
from torchvitals.present.text import chart_text
from torchvitals.present.theme import CATEGORICAL, MUTED, NONFINITE, format_value

MOST = 30


def feature_bars(
    attributions: Array | None,
    sample: int,
    *,
    randomised: Array | None = None,
    inputs: Array | None = None,
    names: Sequence[str] = (),
) -> go.Figure:
    """One bar a feature of (N, F): for the answer to the right, against it to the left; the 30 largest, in their order.

    Small marks show what a network with random weights gives. The hover text gives the input's own value.
    """
    if attributions is None or sample >= len(attributions) or not attributions[sample].size:
        return empty_figure("No attributions of this sample were recorded.")
    values = attributions[sample].reshape(-1)
    size = np.where(np.isfinite(values), np.abs(values), np.inf)
    kept = np.sort(np.argsort(-size, kind="stable")[:MOST])
    rows = [chart_text(names[i], 36) if i < len(names) else f"{i}" for i in kept]
    shown = np.where(np.isfinite(values[kept]), values[kept], 0.0)
    figure = new_figure(80 + 22 * len(rows))
    figure.add_bar(
        x=shown,
        y=rows,
        orientation="h",
        name="integrated gradients",
        marker={"color": [CATEGORICAL[1] if v > 0 else CATEGORICAL[0] for v in shown], "cornerradius": 3},
        text=_inputs(inputs, sample, kept),
        textposition="none",
        hovertemplate="%{y}<br>%{x:.3g}%{text}<extra></extra>",
    )
    _add_random(figure, randomised, sample, kept, rows)
    _add_nonfinite(figure, values[kept], rows)
    figure.update_xaxes(
        title_text="against the answer  ·  for the answer",
        zeroline=True,
        zerolinecolor=MUTED,
        showgrid=True,
        exponentformat="power",
    )
    figure.update_yaxes(
        type="category", categoryorder="array", categoryarray=rows, autorange="reversed", showgrid=False, ticklabelstandoff=8,
        title_text="feature" if len(kept) == values.size else f"feature ({len(kept)} of {values.size})",
    )  # fmt: skip
    return figure.update_layout(bargap=0.4, showlegend=randomised is not None, margin={"t": 30})


def _inputs(inputs: Array | None, sample: int, kept: np.ndarray) -> list[str]:
    if inputs is None or sample >= len(inputs) or inputs[sample].size <= int(kept.max()):
        return [""] * len(kept)
    flat = inputs[sample].reshape(-1)
    return [f"<br>input {format_value(float(flat[i]))}" for i in kept]


def _add_random(figure: go.Figure, randomised: Array | None, sample: int, kept: np.ndarray, rows: list[str]) -> None:
    if randomised is None or sample >= len(randomised) or randomised[sample].size <= int(kept.max()):
        return
    values = randomised[sample].reshape(-1)[kept]
    figure.add_scatter(
        x=np.where(np.isfinite(values), values, np.nan),
        y=rows,
        mode="markers",
        name="with random weights",
        marker={"symbol": "line-ns", "size": 11, "line": {"width": 2, "color": MUTED}},
        hovertemplate="%{y}<br>%{x:.3g}<extra>with random weights</extra>",
    )


def _add_nonfinite(figure: go.Figure, values: np.ndarray, rows: list[str]) -> None:
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        figure.add_scatter(
            x=[0.0] * len(bad),
            y=[rows[i] for i in bad],
            mode="markers+text",
            name="not finite",
            text=[f"  {format_value(float(values[i]))}" for i in bad],
            textposition="middle right",
            textfont={"color": NONFINITE},
            marker={"symbol": "x-thin", "size": 9, "line": {"width": 2, "color": NONFINITE}},
            hoverinfo="skip",
        )
