"""Where the parameters are: the layers that hold most of them, and which of those are trained."""

from __future__ import annotations

import plotly.graph_objects as go

from torchvitals.core.manifest import Manifest, ParameterInfo
from torchvitals.present.marks import empty_figure, new_figure
from torchvitals.present.text import chart_text
from torchvitals.present.theme import CATEGORICAL, MUTED, NONFINITE

MOST = 16
BAR_PX = 26
COLORS = {"trained": CATEGORICAL[0], "frozen": MUTED, "in no optimizer": NONFINITE}


def parameter_share(manifest: Manifest) -> go.Figure:
    """One bar a module, the largest on top: its share of all parameters, split by what becomes of them.

    Frozen parameters take no gradient; those in no optimizer take one and are never updated.
    """
    sizes: dict[str, dict[str, int]] = {}
    for parameter in manifest.parameters:
        held = sizes.setdefault(parameter.module, dict.fromkeys(COLORS, 0))
        held[fate(parameter)] += parameter.size
    total = sum(sum(held.values()) for held in sizes.values())
    if not total:
        return empty_figure("This network has no parameters.")
    ranked = sorted(sizes, key=lambda name: -sum(sizes[name].values()))
    rows = {chart_text(name or "the model itself", 36): sizes[name] for name in ranked[:MOST]}
    if len(ranked) > MOST:
        rest = [sizes[name] for name in ranked[MOST:]]
        rows[f"{len(rest):,} others"] = {state: sum(held[state] for held in rest) for state in COLORS}
    figure = new_figure(70 + BAR_PX * len(rows))
    for state, color in COLORS.items():
        if any(held[state] for held in rows.values()):
            figure.add_bar(
                x=[held[state] / total for held in rows.values()],
                y=list(rows),
                orientation="h",
                name=state,
                marker={"color": color, "cornerradius": 3},
                text=[f"{held[state]:,}" for held in rows.values()],
                textposition="none",
                hovertemplate="%{y}<br>%{text} parameters, %{x:.1%}<extra>" + state + "</extra>",
            )
    figure.update_xaxes(title_text="", tickformat=".0%", showgrid=True, rangemode="tozero")
    figure.update_yaxes(autorange="reversed", showgrid=False, ticklabelstandoff=8)
    return figure.update_layout(barmode="stack", bargap=0.35, showlegend=True)


def fate(parameter: ParameterInfo) -> str:
    """What becomes of a parameter in this training.

    Example:
        >>> fate(ParameterInfo(name="fc.weight", module="fc", shape=(2, 2), optimized=False))
        'in no optimizer'
    """
    if not parameter.trainable:
        return "frozen"
    return "trained" if parameter.optimized else "in no optimizer"
