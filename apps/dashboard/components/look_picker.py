"""Which look at what the network has learned is shown; looks are dear and far apart, so they have steps of their own."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import state
import streamlit as st

from components import empty
from torchvitals.core.run import Run
from torchvitals.present import learned

MOST = 400  # a slider finer than its pixels is only slower

WATCH = "vitals = torchvitals.watch(model, optimizer, logdir=…, probe=(inputs, targets))"
EXPLAIN = "torchvitals.explain(model, inputs, targets, logdir=…)"


def pick(run: Run, measures: Collection[str]) -> int | None:
    """A slider over the steps at which any of the measures was taken, the last one at first; None when none was."""
    steps = learned.looks(run, measures)
    if not steps:
        return None
    if len(steps) == 1:
        st.text(f"One look was taken, at step {steps[0]:,}.")
        return steps[0]
    kept = np.unique(np.linspace(0, len(steps) - 1, min(MOST, len(steps))).round().astype(int))
    options = [steps[i] for i in kept]
    return int(st.select_slider("Step", options, value=options[-1], key=state.STEP, bind="query-params"))


def say_missing(title: str, explanation: str) -> None:
    """Say what was not recorded, and the two calls that record it."""
    empty.show(title, explanation, code=f"{WATCH}\n\n# or, of a network that is trained already:\n{EXPLAIN}")
