"""The recorded distributions of a run: which there are, one of them as a picture, and what it holds at a step in words."""

from __future__ import annotations

from functools import partial

import numpy as np
import state
import streamlit as st

from components import chart
from torchvitals.core.histogram import Histogram
from torchvitals.core.run import Run
from torchvitals.core.series import HistogramSeries
from torchvitals.present.distributions import bounded, near_zero, place_at
from torchvitals.present.text import printable
from torchvitals.present.theme import format_value

KINDS = {"weights": "Weights", "gradients": "Gradients", "activations": "Outputs"}
OTHERS = "others"  # histograms of other tools whose names do not say what they are of
PICTURES = {"bands": "Percentiles", "strip": "Heat strip", "ridges": "Ridgeline"}
MOST_OPTIONS = 400  # of a slider: a finer one is only slower


def recorded(run: Run) -> dict[str, dict[str, HistogramSeries]]:
    """The histograms by kind, then by what they are of, in forward order; kinds without one are absent."""
    found: dict[str, dict[str, HistogramSeries]] = {}
    for tag, series in run.histograms.items():
        if len(series):
            kind = tag.measure if tag.measure in KINDS and tag.subject else OTHERS
            found.setdefault(kind, {})[tag.subject if kind != OTHERS else str(tag)] = series
    rank = _forward(run)
    ordered = {k: dict(sorted(s.items(), key=lambda item: _place(rank, item[0]))) for k, s in found.items()}
    return {k: ordered[k] for k in (*KINDS, OTHERS) if k in ordered}


def kind_title(kind: str) -> str:
    """What a kind is called on a page."""
    return KINDS.get(kind, "Others")


def pick_picture() -> str:
    """How a distribution is drawn: the same for every page of a visit."""
    picked = st.segmented_control(
        "Drawn as",
        list(PICTURES),
        default="bands",
        required=True,
        format_func=PICTURES.__getitem__,
        key=state.PICTURE,
        bind="query-params",
        persist_state="session",
    )
    return picked or "bands"


def pick_step(series: HistogramSeries) -> int:
    """A slider over the steps of a distribution; the last one at first."""
    kept = np.unique(np.linspace(0, len(series) - 1, min(MOST_OPTIONS, len(series))).round().astype(int))
    options = [int(series.step[i]) for i in kept]
    if len(set(options)) == 1:
        st.text(f"One step was recorded: {options[0]:,}.")
        return options[0]
    asked = st.session_state.get(state.STEP)
    if isinstance(asked, int) and asked not in options:  # chosen on another page, which has other steps
        st.session_state[state.STEP] = min(options, key=lambda s: abs(s - asked))
    return int(st.select_slider("Step", options, value=options[-1], key=state.STEP, bind="query-params"))


def draw(series: HistogramSeries, picture: str, *, name: str, step: int | None = None, height: int = 420) -> None:
    """The picture of a distribution over the steps."""
    from torchvitals.present.figures.heat_strip import heat_strip
    from torchvitals.present.figures.percentile_bands import percentile_bands
    from torchvitals.present.figures.ridgeline import ridgeline

    figure = {"strip": heat_strip, "ridges": ridgeline}.get(picture, percentile_bands)
    chart.draw(
        partial(figure, series, step=step, height=height),
        key=f"distribution-{series.tag.measure}-{series.tag.subject}",
        alt=f"Distribution over the steps: {name}. {sentence(series, step)}",
    )


def sentence(series: HistogramSeries, step: int | None, size: int | None = None) -> str:
    """What the distribution holds at a step, or at the last one; `size` is how many elements the tensor has."""
    place = place_at(series, step) if step is not None else len(series) - 1
    held = bounded(series.value[place])
    at = f"Step {int(series.step[place]):,}: "
    if not held.total > 0:
        return f"{at}no value was finite."
    low, first, middle, third, high = (format_value(near_zero(held.quantile(q))) for q in (0.0, 0.25, 0.5, 0.75, 1.0))
    if low == high == "0":
        return f"{at}every value was zero.{_lost(held, size)}"
    text = f"{at}median {middle}, half of the values from {first} to {third}, all of them from {low} to {high}"
    return f"{text}.{_lost(held, size)}"


def say(series: HistogramSeries, step: int | None, size: int | None = None) -> None:
    """The sentence on the page; it holds numbers and no name from the log."""
    st.caption(sentence(series, step, size))


def label(subject: str) -> str:
    """A name of the log as an option of a picker."""
    return printable(subject)


def _lost(held: Histogram, size: int | None) -> str:
    """How many elements were left out because they were not finite; counts are of a sample, scaled to the whole tensor."""
    if size is None or not size or held.total >= 0.999 * size:
        return ""
    return f" {format_value(1 - held.total / size, 'fraction')} of the elements were not finite."


def _forward(run: Run) -> dict[str, int]:
    if run.manifest is None:
        return {}
    known = [m.name for m in run.manifest.modules] + [p.name for p in run.manifest.parameters]
    return {name: i for i, name in enumerate(known)}


def _place(rank: dict[str, int], subject: str) -> tuple[int, str]:
    return rank.get(subject, rank.get(subject.partition("#")[0], len(rank))), subject
