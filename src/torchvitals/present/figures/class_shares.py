"""Which classes the targets hold, and which the network predicts: imbalance, and a network that guesses one class."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from torchvitals.core.run import Run
from torchvitals.core.series import Values
from torchvitals.present.marks import empty_figure, new_figure
from torchvitals.present.theme import CATEGORICAL

MOST = 60  # classes; of more, the most frequent and the rarest half of that
RECENT = 0.2  # share of the looks that stand for what it predicts now


def class_shares(run: Run, *, subject: str = "train", height: int = 260) -> go.Figure:
    """Share of each class among the targets of all recorded batches, and among the predictions of the last fifth of them."""
    targets = counted(run, "target_class_count", subject)
    if targets is None:
        return empty_figure("The targets are no class indices, or were not seen.", height)
    predictions = counted(run, "predicted_class_count", subject, share=RECENT)
    order = np.argsort(-targets, kind="stable")
    shown = np.sort(order) if len(order) <= MOST else np.concatenate([order[: MOST // 2], order[-MOST // 2 :]])
    names = [f"{c}" for c in shown]
    figure = new_figure(height)
    for name, counts, color in (
        ("targets", targets, CATEGORICAL[0]),
        ("predictions, last fifth of the run", predictions, CATEGORICAL[1]),
    ):
        if counts is None or not counts.sum():
            continue
        share = counts / counts.sum()
        figure.add_bar(
            x=names,
            y=[float(share[c]) if c < len(share) else 0.0 for c in shown],
            name=name,
            marker={"color": color, "cornerradius": 3},
            hovertemplate=f"class %{{x}}<br>%{{y:.1%}} of the {name}<extra></extra>",
        )
    title = (
        "class"
        if len(order) <= MOST
        else f"class: the {MOST // 2} most frequent, then the {MOST // 2} rarest of {len(order):,}"
    )
    figure.update_xaxes(title_text=title, type="category")
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    return figure.update_layout(showlegend=True, bargap=0.3, bargroupgap=0.08)


def counted(run: Run, measure: str, subject: str = "train", *, share: float = 1.0) -> Values | None:
    """Counts of each class (C,) over the last `share` of the recorded batches; None when there are none."""
    series = run.vectors_by_subject(measure).get(subject)
    if series is None or not len(series):
        return None
    first = min(len(series) - 1, int(len(series) * (1 - share)))
    rows = [np.asarray(series.value[i], dtype=np.float64) for i in range(first, len(series))]
    total = np.zeros(max(len(row) for row in rows))
    for row in rows:
        total[: len(row)] += np.where(np.isfinite(row), row, 0.0)
    return total if total.size else None
