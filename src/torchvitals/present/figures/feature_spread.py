"""Every feature of the input at the last look: on one scale and around zero, or not; constant ones marked."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from torchvitals.core.run import Run
from torchvitals.core.series import Values
from torchvitals.present.faint import faint
from torchvitals.present.marks import empty_figure, new_figure
from torchvitals.present.theme import CATEGORICAL, NONFINITE, ZERO

MOST = 400  # features; of more, every n-th is drawn
WIDE, NARROW = faint(CATEGORICAL[4], 0.3), faint(CATEGORICAL[4], 0.7)  # seen on white and on near-black


def feature_spread(run: Run, *, subject: str = "model", height: int = 260) -> go.Figure:
    """Bars from smallest to largest and of one standard deviation around the mean, a dot at the mean.

    Read from the vectors `input_feature_{min,max,mean,std}` (F,) at their last recorded step. A feature that is the same
    throughout the batch is a mark, and so is one that is not finite.
    """
    last = latest_features(run, subject)
    if last is None:
        return empty_figure("No per-feature statistics were recorded.", height)
    step, mean, std, low, high = last
    total, every = len(mean), max(1, -(-len(mean) // MOST))
    feature = np.arange(0, total, every)
    mean, std, low, high = (part[::every] for part in (mean, std, low, high))
    finite = np.isfinite(mean) & np.isfinite(std) & np.isfinite(low) & np.isfinite(high)
    figure = new_figure(height)
    with np.errstate(over="ignore", invalid="ignore"):
        span, below, spread = high - low, mean - std, 2 * std
    for name, base, length, color in (
        ("smallest to largest", low, span, WIDE),
        ("mean ± one standard deviation", below, spread, NARROW),
    ):
        figure.add_bar(
            x=feature[finite],
            y=length[finite],
            base=base[finite],
            name=name,
            marker={"color": color, "line": {"width": 0}},
            hoverinfo="skip",
        )
    constant = finite & (low == high)
    marks = (("mean", finite & ~constant, CATEGORICAL[0], "circle"), ("constant in the batch", constant, ZERO, "diamond"))
    for name, which, color, symbol in marks:
        if which.any():
            figure.add_scatter(
                x=feature[which],
                y=mean[which],
                name=name,
                mode="markers",
                marker={"size": 4 if symbol == "circle" else 6, "color": color, "symbol": symbol},
                hovertemplate=f"feature %{{x}}<br>{name} %{{y:.3g}}<extra></extra>",
            )
    if (~finite).any():
        figure.add_scatter(
            x=feature[~finite],
            y=np.zeros(int((~finite).sum())),
            name="not finite",
            mode="markers",
            marker={"symbol": "x-thin", "size": 8, "line": {"width": 2, "color": NONFINITE}},
            hovertemplate="feature %{x}<br>not finite<extra></extra>",
        )
    title = f"feature, at step {step:,}" + (f"; every {every}th of {total:,}" if every > 1 else "")
    figure.update_xaxes(title_text=title)
    return figure.update_layout(showlegend=True, barmode="overlay", bargap=0.25)


def latest_features(run: Run, subject: str = "model") -> tuple[int, Values, Values, Values, Values] | None:
    """Step, mean, std, min and max (F,) of the last look that has all four at the same length; None without one."""
    found = [run.vectors_by_subject(f"input_feature_{part}").get(subject) for part in ("mean", "std", "min", "max")]
    if any(series is None or not len(series) for series in found):
        return None
    mean, std, low, high = (np.asarray(series.value[-1], dtype=np.float64) for series in found if series is not None)
    if not len(mean) == len(std) == len(low) == len(high) or not len(mean):
        return None
    return int(found[0].step[-1]) if found[0] is not None else 0, mean, std, low, high
