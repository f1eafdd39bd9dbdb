"""How good the answers are on the probe: against a trivial answer first, then where they go wrong."""

from __future__ import annotations

import io
from functools import partial

import streamlit as st

from components import chart, quality, tiles_of_numbers, words
from torchvitals.core.run import Run
from torchvitals.present import learned
from torchvitals.present.learned import MODEL, Array
from torchvitals.present.theme import format_value

MEASURES = frozenset(
    {
        "probe_loss_per_sample",
        "probe_confidence_count",
        "probe_recall",
        "probe_outputs",
        "confusion_matrix",
        "reconstruction_values",
        "embedding_values",
    }
)


def show(run: Run, step: int) -> None:
    """All that was recorded of the predictions; nothing is drawn for what is absent."""
    _summary(run, step)
    _classes(run, step)
    _values(run, step)
    _reconstructions(run, step)
    _most_lost(run, step)
    _embeddings(run, step)


def _model(run: Run, measure: str, step: int) -> Array | None:
    return learned.tensor_at(run, measure, MODEL, step)


def _summary(run: Run, step: int) -> None:
    accuracy, majority, error = (
        learned.scalar_at(run, m, MODEL, step) for m in ("probe_accuracy", "majority_accuracy", "calibration_error")
    )
    named = {"accuracy": accuracy, "most frequent class": majority, "calibration error": error}
    numbers = {word: format_value(value, "fraction") for word, value in named.items() if value is not None}
    if numbers:
        tiles_of_numbers.show(numbers)
    counts = _model(run, "confusion_matrix", step)
    if accuracy is not None and majority is not None:
        words.say(quality.against_majority(accuracy, majority, 0.0 if counts is None else float(counts.sum())))
    if counts is not None and (worst := quality.least_recalled(counts)):
        words.say(worst)


def _classes(run: Run, step: int) -> None:
    from torchvitals.present.figures.confidence import confidence
    from torchvitals.present.figures.confusion_matrix import confusion_matrix

    counts = _model(run, "confusion_matrix", step)
    bins, right = (learned.vector_at(run, f"probe_confidence_{m}", MODEL, step) for m in ("count", "right"))
    left, beside = st.columns(2, gap="large") if counts is not None and bins is not None else (st.container(), st.container())
    if counts is not None:
        with left:
            st.markdown("#### Which classes are taken for which")
            chart.draw(partial(confusion_matrix, counts), key="confusion", alt="True classes downwards, predicted to the right")
    if bins is not None:
        with beside:
            st.markdown("#### As sure as right?")
            alt = "Share of right answers over the confidence in them, and how many answers there were"
            chart.draw(partial(confidence, bins, right), key="confidence", alt=alt)


def _values(run: Run, step: int) -> None:
    """A regression: outputs shaped like the targets, and neither classes nor a reconstruction."""
    outputs, targets = _model(run, "probe_outputs", step), _model(run, "probe_targets", step)
    others = (_model(run, m, step) for m in ("confusion_matrix", "reconstruction_values"))
    if outputs is None or targets is None or outputs.ndim != 2 or any(o is not None for o in others):
        return
    both = min(len(outputs), len(targets))
    outputs, targets = outputs[:both], targets[:both]
    if outputs.shape != targets.shape:
        return
    from torchvitals.present.figures.prediction_scatter import prediction_scatter

    tiles_of_numbers.show(
        {"R² on the probe; 0 is always answering the mean": format_value(quality.explained(outputs, targets))}
    )
    st.markdown("#### Predictions and residuals")
    output = 0
    if outputs.shape[1] > 1:
        output = int(st.selectbox("Output", range(outputs.shape[1]), key="output", bind="query-params", width=160))
    alt = f"Predicted over true values, and their difference, for output {output}"
    chart.draw(partial(prediction_scatter, outputs, targets, output=output), key="regression", alt=alt)


def _reconstructions(run: Run, step: int) -> None:
    values, inputs = _model(run, "reconstruction_values", step), _model(run, "probe_inputs", step)
    if values is None:
        return
    from torchvitals.present.figures.reconstruction import reconstruction

    st.markdown("#### Input and reconstruction")
    for layer, series in run.by_subject("active_latents").items():
        units = learned.vector_at(run, "latent_deviation", layer, step)
        active = learned.scalar_at(run, "active_latents", layer, step)
        if active is not None and len(series):
            of = "" if units is None else f" of {len(units)}"
            words.say(f"Active latent units in {layer}: {format_value(active)}{of}.")
    drawn = partial(reconstruction, learned.as_pictures(run, inputs), learned.as_pictures(run, values))
    chart.draw(drawn, key="reconstruction", alt="Inputs in the upper row, what the network made of them in the lower")


def _most_lost(run: Run, step: int) -> None:
    loss = learned.vector_at(run, "probe_loss_per_sample", MODEL, step)
    if loss is None or not len(loss):
        return
    from torchvitals.present.figures.most_lost import most_lost, most_lost_samples

    st.markdown("#### Furthest from the truth")
    targets, outputs, inputs = (_model(run, f"probe_{m}", step) for m in ("targets", "outputs", "inputs"))
    classes = _model(run, "confusion_matrix", step) is not None
    lost = most_lost_samples(loss, targets if classes else None, outputs if classes else None)
    recorded = learned.image_at(run, "most_lost", MODEL, step)
    alt = "Samples with the largest loss: " + "; ".join(w for w in lost.words if w)
    if recorded and (inputs is None or int(lost.sample.max()) >= len(inputs)):
        st.image(io.BytesIO(recorded), width="stretch")  # the log kept the pictures, but not the numbers of all inputs
        inputs = None
    chart.draw(partial(most_lost, lost, learned.as_pictures(run, inputs)), key="most-lost", alt=alt)


def _embeddings(run: Run, step: int) -> None:
    layers = learned.subjects(run, "embedding_values")
    values = learned.tensor_at(run, "embedding_values", layers[0], step) if layers else None
    if values is None:
        return
    from torchvitals.present.figures.embedding_scatter import embedding_scatter

    st.markdown("#### How it arranges the samples")
    words.say(f"Outputs of {layers[0]}, seen along the two directions in which they differ most.")
    targets = _model(run, "probe_targets", step) if _model(run, "confusion_matrix", step) is not None else None
    chart.draw(partial(embedding_scatter, values, targets), key="embedding", alt="Samples by their two principal components")
