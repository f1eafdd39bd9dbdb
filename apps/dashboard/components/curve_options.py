"""How the learning curves are drawn: the axis of the loss, the clock, smoothing, and the run to compare with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import cast

import data
import state
import streamlit as st

from torchvitals.core.run import Run
from torchvitals.errors import TorchvitalsError
from torchvitals.present.axes import Scale
from torchvitals.present.figures.learning_curves import Clock
from torchvitals.present.text import printable
from torchvitals.present.timeline import has_time

SCALES = {"auto": "Automatic", "linear": "Linear", "log": "Logarithmic"}
CLOCKS = {"step": "Steps", "time": "Time"}
WEIGHTS = {0.0: "none", 0.6: "light", 0.9: "medium", 0.97: "strong"}  # of the past in the exponential mean


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chosen:
    """What the switches above the curves say."""

    scale: Scale = "auto"
    clock: Clock = "step"
    smoothing: float = 0.0
    baseline: Run | None = None


def pick(run: Run) -> Chosen:
    """Draw the switches in a row."""
    scale, clock, smoothing, baseline = st.columns([4, 2.6, 3.2, 4], gap="medium")
    with scale:
        picked_scale = _switch("Loss axis", SCALES, state.SCALE)
    with clock:
        picked_clock = _switch("Over", CLOCKS, state.CLOCK) if has_time(run) else "step"
    with smoothing:
        words = list(WEIGHTS.values())
        strength = st.select_slider("Smoothing", words, value="none", key=state.SMOOTHING, bind="query-params")
    with baseline:
        other = _baseline()
    weight = next((w for w, word in WEIGHTS.items() if word == strength), 0.0)
    return Chosen(scale=cast(Scale, picked_scale), clock=cast(Clock, picked_clock), smoothing=weight, baseline=other)


def steps_in_address() -> tuple[int, int] | None:
    """The range of steps a link asks for, `100-400`; None when it asks for none that makes sense."""
    told = re.fullmatch(r"(\d{1,15})-(\d{1,15})", st.query_params.get(state.STEPS, ""))
    first, last = (int(told[1]), int(told[2])) if told else (0, 0)
    return (first, last) if first < last else None


def _switch(label: str, words: dict[str, str], key: str) -> str:
    first = next(iter(words))
    picked = st.segmented_control(
        label, list(words), default=first, required=True, format_func=words.__getitem__, key=key, bind="query-params"
    )
    return picked or first


def _baseline() -> Run | None:
    """The run that is drawn dashed beside this one: none until one is chosen."""
    runs = data.list_runs(data.roots())
    names = [name for name in runs if name != st.session_state.get(state.RUN)]
    if not names:
        return None
    name = st.selectbox(
        "Compared with",
        names,
        index=None,
        placeholder="no other run",
        format_func=printable,
        key=state.BASELINE,
        bind="query-params",
        persist_state="session",
        filter_mode="contains",
    )
    if name is None:
        return None
    try:
        opened = data.open_run(runs[name])
    except (TorchvitalsError, OSError) as error:
        st.text(printable(f"{name} cannot be read: {error}"))
        return None
    return opened.run
