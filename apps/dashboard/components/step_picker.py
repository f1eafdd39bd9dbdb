"""Which recorded step to look at."""

from __future__ import annotations

import numpy as np
import state
import streamlit as st

from torchvitals.core.run import Run

MOST = 400  # a slider finer than its pixels is only slower


def pick(run: Run, measure: str) -> int:
    """A slider over the recorded steps of a measure; the last one at first."""
    series = run.by_subject(measure).values()
    steps = np.unique(np.concatenate([s.step for s in series]))
    if len(steps) == 1:
        st.text(f"One step was recorded: {int(steps[0]):,}. Record more to see how it moves.")
        return int(steps[0])
    kept = steps[np.unique(np.linspace(0, len(steps) - 1, min(MOST, len(steps))).round().astype(int))]
    options = [int(s) for s in kept]
    return int(st.select_slider("Step", options, value=options[-1], key=state.STEP, bind="query-params"))
