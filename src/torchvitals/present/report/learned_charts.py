"""What the network has learned, for the report: its first filters, which classes it confuses, what its answers rest on."""

from __future__ import annotations

from collections.abc import Iterator

import plotly.graph_objects as go

from torchvitals.core.run import Run
from torchvitals.present import learned
from torchvitals.present.figures.attribution_overlay import attribution_overlay, attributions_at
from torchvitals.present.figures.confusion_matrix import confusion_matrix
from torchvitals.present.figures.filter_mosaic import filter_mosaic
from torchvitals.present.figures.most_lost import said
from torchvitals.present.learned import MODEL

SAMPLES = 3  # whose attributions are shown


def learned_charts(run: Run) -> Iterator[tuple[go.Figure, str, str]]:
    """Figure, description and caption of everything recorded at the last look; nothing when there was none."""
    step = max((int(series.step[-1]) for series in run.tensors.values() if len(series)), default=None)
    if step is None:
        return
    layers = learned.subjects(run, "filter_weights")
    filters = learned.filters_at(run, layers[0], step) if layers else None
    if filters is not None:
        caption = f"Filters of {layers[0]} at step {step:,}; mid-grey is 0."
        yield filter_mosaic(filters), f"Filters of {layers[0]} of {run.name}", caption
    counts = learned.tensor_at(run, "confusion_matrix", MODEL, step)
    if counts is not None:
        caption = "The probe: true classes downwards, predicted ones to the right."
        yield confusion_matrix(counts), f"Confusion matrix of {run.name}", caption
    made = attributions_at(run, step)
    if made.count and made.pictures:
        targets, outputs = (learned.tensor_at(run, f"probe_{m}", MODEL, step) for m in ("targets", "outputs"))
        samples = list(range(min(SAMPLES, made.count)))
        labels = [said(targets, outputs, i) or f"sample {i}" for i in samples]
        caption = "What the answers rest on: orange speaks for them, blue against; random weights should look unlike that."
        yield attribution_overlay(made, samples, labels), f"Attributions of {run.name}", caption
