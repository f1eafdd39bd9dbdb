"""The parts of the filters page: weights, their health over the run, feature maps, attention."""

from __future__ import annotations

from functools import partial

import state
import streamlit as st

from components import chart, words
from torchvitals.core.run import Run
from torchvitals.core.series import VectorSeries
from torchvitals.core.tag import Tag
from torchvitals.present import learned
from torchvitals.present.learned import MODEL, Filters

STRONGEST = "strongest"
HEALTH = {
    "filter_norm": "Norm",
    "filter_activity": "Activity",
    "filter_similarity": "Likeness",
    "filter_roughness": "Roughness",
    "filter_change": "Change",
    "unit_conductance": "Conductance",
}
MEANING = {
    "filter_norm": "‖w‖ of each filter: a filter that fades to 0 has been given up.",
    "filter_activity": "Share of the probe's positions where the filter's output is above 0: one that stays at 0 is dead.",
    "filter_similarity": "Largest |cosine| to another filter: near 1, two filters do the same work.",
    "filter_roughness": "Share of the energy in high frequencies: a trained filter is smoother than noise.",
    "filter_change": "‖w − w₀‖/‖w₀‖: how far the filter has moved from where it began.",
    "unit_conductance": "What each unit contributes to the answers: one that is active and stays near 0 is alive and not used.",
}
PICTURES = frozenset({"filter_weights", "feature_map_values", "attention_values"})  # what the step slider steps through


def layers(run: Run) -> list[str]:
    """Every layer with weights, maps or health to show, in forward order."""
    with_health = {t.subject for t in run.vectors if t.measure in HEALTH and t.subject}
    found = dict.fromkeys(learned.subjects(run, "filter_weights") + learned.subjects(run, "feature_map_values"))
    return [*found, *sorted(with_health - set(found))]


def show_filters(run: Run, layer: str, step: int) -> None:
    """The mosaic of a layer's filters."""
    filters = learned.filters_at(run, layer, step)
    if filters is None:
        return
    from torchvitals.present.figures.filter_mosaic import filter_mosaic

    st.markdown("#### Filters")
    st.caption(_facts(filters))
    left, right, _ = st.columns([3, 2, 3], gap="large", vertical_alignment="bottom")
    orders = ["index", "norm", *(["activity"] if filters.activity is not None else [])]
    order = left.segmented_control("Order", orders, default="index", required=True, key=state.ORDER, bind="query-params")
    channel = _channel(filters, right)
    drawn = partial(filter_mosaic, filters, order=order or "index", channel=channel)
    chart.draw(drawn, key="filters", alt=f"Filters of {layer} at step {step}. {_facts(filters)}")


def _channel(filters: Filters, place: st.delta_generator.DeltaGenerator) -> int | None:
    """Which input channel is drawn; nothing to pick where a filter is one picture already."""
    channels = filters.weights.shape[1] if filters.weights.ndim > 3 else 1
    if channels in (1, 3):
        return None
    options = [STRONGEST, *map(str, range(channels))]
    picked = place.selectbox("Input channel", options, key=state.CHANNEL, bind="query-params", width=180)
    return None if picked == STRONGEST else int(picked)


def _facts(filters: Filters) -> str:
    shape = "×".join(map(str, filters.weights.shape[1:]))
    dead, broken = int((filters.dead & ~filters.broken).sum()), int(filters.broken.sum())
    parts = [f"{words.count(len(filters.weights), 'filter', 'filters')} of {shape}"]
    parts += [f"{dead} dead"] if dead else []
    parts += [f"{broken} not finite"] if broken else []
    parts += [f"{filters.unchanged:.0%} as they began"] if filters.unchanged is not None else []
    parts += ["mid-grey is 0"] if not (filters.weights.ndim == 4 and filters.weights.shape[1] == 3) else []
    return "   ·   ".join(parts)


def show_health(run: Run, layer: str) -> None:
    """One measure of every filter over the whole run."""
    found = {m: s for m in HEALTH if (s := run.vectors.get(Tag(measure=m, subject=layer))) is not None and len(s)}
    if not found:
        return
    from torchvitals.present.figures.filter_health import filter_health

    st.markdown("#### Every filter over the run")
    names = {HEALTH[m]: m for m in found}
    first = next(iter(names))
    picked = st.segmented_control(
        "Measure", list(names), default=first, required=True, key=state.MEASURE, bind="query-params",
        label_visibility="collapsed",
    )  # fmt: skip
    measure = names[picked or first]
    st.caption(MEANING[measure])
    series: VectorSeries = found[measure]
    chart.draw(partial(filter_health, series), key="health", alt=f"{HEALTH[measure]} of every filter of {layer} over the steps")


def show_maps(run: Run, layer: str, step: int) -> None:
    """What the layer answers to one sample of the probe."""
    maps = learned.tensor_at(run, "feature_map_values", layer, step)
    if maps is None or not len(maps):
        return
    from torchvitals.present.figures.feature_map_mosaic import feature_map_mosaic
    from torchvitals.present.figures.sample_picture import sample_picture

    st.markdown("#### Feature maps")
    sample = int(
        st.segmented_control("Sample", list(range(len(maps))), default=0, required=True, key=state.SAMPLE, bind="query-params")
        or 0
    )
    inputs = learned.tensor_at(run, "probe_inputs", MODEL, step)
    seen = learned.as_pictures(run, inputs)
    if seen is not None and seen.ndim == 4 and sample < len(seen):
        left, right = st.columns([1, 5], gap="large")
        with left:
            chart.draw(partial(sample_picture, seen, sample), key="sample-input", alt=f"Sample {sample} of the probe")
    else:
        right = st.container()
    with right:
        alt = f"What each channel of {layer} answers to sample {sample}"
        activity = learned.vector_at(run, "filter_activity", layer, step)
        channels = 0 if activity is None else len(activity)
        chart.draw(partial(feature_map_mosaic, maps, sample, channels=channels), key="maps", alt=alt)


def show_attention(run: Run, step: int) -> None:
    """Where the heads of an attention look, for one sample of the probe."""
    calls = learned.subjects(run, "attention_values")
    if not calls:
        return
    from torchvitals.present.figures.attention_map import attention_map

    st.markdown("#### Attention")
    left, right, _ = st.columns([3, 2, 3], gap="large")
    call = left.selectbox("Attention", calls, key=state.CALL, bind="query-params")
    weights = learned.tensor_at(run, "attention_values", call, step)
    count = 1 if weights is None else max(1, len(weights))
    sample = int(right.selectbox("Sample of the probe", range(count), key="attended", bind="query-params"))
    st.caption("Queries downwards, keys to the right; each row shares out a weight of 1.")
    alt = f"Attention weights of each head of {call} for sample {sample}"
    chart.draw(partial(attention_map, weights, sample), key="attention", alt=alt)
