"""What the answers rest on, and whether that picture can be trusted."""

from __future__ import annotations

from functools import partial

import state
import streamlit as st

from components import chart, quality, words
from torchvitals.core.run import Run
from torchvitals.present import learned
from torchvitals.present.figures.attribution_overlay import Attributions, attribution_overlay, attributions_at
from torchvitals.present.figures.most_lost import said
from torchvitals.present.learned import MODEL
from torchvitals.present.theme import format_value

MEASURES = frozenset({"grad_cam_values", "integrated_gradients_values", "occlusion_values"})
AT_FIRST = 3  # samples shown before any is picked


def show(run: Run, step: int) -> None:
    """The attributions of the samples that are picked; nothing when none was recorded."""
    made = attributions_at(run, step)
    if not made.count:
        return
    st.markdown("#### What the answers rest on")
    delta, agreement = (learned.scalar_at(run, m, MODEL, step) for m in ("convergence_delta", "attribution_agreement"))
    for sentence in (quality.completeness(delta, made.gradients), quality.agreement(agreement)):
        if sentence:
            words.say(sentence)
    options = list(range(made.count))
    picked = st.multiselect(
        "Samples", options, default=options[:AT_FIRST], key=state.SAMPLES, bind="query-params", placeholder="Pick samples"
    )
    if not picked:
        st.text("Pick a sample to see what its answer rests on.")
        return
    samples = sorted(int(i) for i in picked)
    targets, outputs = (learned.tensor_at(run, f"probe_{m}", MODEL, step) for m in ("targets", "outputs"))
    if made.pictures:
        _pictures(made, samples, [said(targets, outputs, i) or f"sample {i}" for i in samples])
    else:
        _bars(made, samples, tokens=learned.has_tokens(run))


def _pictures(made: Attributions, samples: list[int], labels: list[str]) -> None:
    alt = "Input, Grad-CAM, integrated gradients and the same with random weights, one row a sample: " + "; ".join(labels)
    chart.draw(partial(attribution_overlay, made, samples, labels), key="attributions", alt=alt)


def _bars(made: Attributions, samples: list[int], *, tokens: bool) -> None:
    from torchvitals.present.figures.feature_bars import feature_bars

    values = made.gradients if made.gradients is not None else made.occlusion
    for sample in samples:
        st.markdown(f"##### Sample {sample}")
        shown = made.inputs[sample] if tokens and made.inputs is not None and sample < len(made.inputs) else ()
        names = [f"{place}: token {format_value(float(token))}" for place, token in enumerate(shown)]
        drawn = partial(feature_bars, values, sample, randomised=made.randomised, inputs=made.inputs, names=names)
        chart.draw(drawn, key=f"features-{sample}", alt=f"What each feature of sample {sample} speaks for")
