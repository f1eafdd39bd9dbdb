"""Is it learning, and where did it stop."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from torchvitals.core.finding import Finding
from torchvitals.core.run import Run
from torchvitals.core.series import Series
from torchvitals.present.marks import add_line, add_nonfinite_rug, add_onsets, empty_figure, fit_y, new_figure
from torchvitals.present.theme import CATEGORICAL

MAX_CURVES = 6


def loss_curve(run: Run, *, findings: Sequence[Finding] = ()) -> go.Figure:
    """Training and validation loss, with the onset of every root finding.

    Logs of other tools have no `loss/train`: there, every scalar with "loss" in its tag is drawn.
    """
    curves = losses(run)
    if not curves:
        return empty_figure("No loss was recorded: pass loss_fn to watch, or call vitals.step(loss).")
    figure = new_figure()
    for (name, series), color in zip(curves.items(), CATEGORICAL, strict=False):
        add_line(figure, series, name, color)
    fit_y(figure, np.concatenate([s.value for s in curves.values()]))
    figure.update_layout(yaxis_title_text="loss")
    add_nonfinite_rug(figure, list(curves.values()))
    last = max(int(s.step[-1]) for s in curves.values())
    add_onsets(figure, [f for f in findings if f.caused_by is None], last)
    return figure.update_layout(showlegend=True)


def losses(run: Run) -> dict[str, Series]:
    """The loss curves of a run by name, training first."""
    own = {"train": run.scalar("loss", "train"), "val": run.scalar("loss", "val")}
    found = {name: s for name, s in own.items() if s is not None and len(s)}
    if found:
        return found
    foreign = sorted((str(tag), s) for tag, s in run.scalars.items() if "loss" in str(tag).lower() and len(s))
    return dict(foreign[:MAX_CURVES])
