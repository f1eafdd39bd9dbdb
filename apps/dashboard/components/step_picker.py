"""Which recorded step to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import state
import streamlit as st

from torchvitals.core.run import Run

MOST = 400  # a slider finer than its pixels is only slower


def pick(run: Run, measure: str) -> int:
    """A slider over the recorded steps of a measure; the last one at first.

    A step that was chosen elsewhere (a click on the map, another measure) moves to the nearest one there is.
    """
    steps = options(run, measure)
    if len(steps) == 1:
        st.text(f"One step was recorded: {steps[0]:,}. Record more to see how it moves.")
        return steps[0]
    asked = st.session_state.get(state.STEP)
    if isinstance(asked, int) and asked not in steps:
        st.session_state[state.STEP] = nearest(steps, asked)
    return int(st.select_slider("Step", steps, value=steps[-1], key=state.STEP, bind="query-params"))


def options(run: Run, measure: str) -> list[int]:
    """The steps at which a measure was recorded for any layer, evenly thinned to what a slider can show."""
    series = [s.step for s in run.by_subject(measure).values() if len(s)]
    steps = np.unique(np.concatenate(series))
    kept = steps[np.unique(np.linspace(0, len(steps) - 1, min(MOST, len(steps))).round().astype(int))]
    return [int(s) for s in kept]


def nearest(steps: Sequence[int], step: int) -> int:
    """The one of ascending steps that lies closest.

    Example:
        >>> nearest([0, 10, 20], 14), nearest([0, 10, 20], 99)
        (10, 20)
    """
    return min(steps, key=lambda s: abs(s - step))
