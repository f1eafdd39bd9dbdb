"""What the address bar holds: the names of the query parameters, each read in one place.

A key that is bound to a widget (`bind="query-params"`) must not be written through `st.query_params` as well; the two that
belong to table rows cannot be bound and are written here.
"""

from __future__ import annotations

import streamlit as st

RUN = "run"  # the run picker, also the run that was not chosen: a link must open the same one tomorrow
MEASURE = "measure"  # bound: which measure the gradient-flow page shows
STEP = "step"  # bound: the step its bars show
BASELINE = "baseline"  # bound: the run that this one is compared with
STEPS = "steps"  # first and last step of the range that is shown, `100-400`
MODULE = "module"  # bound: the layer of the Layer page
SYMPTOM = "symptom"  # row of the findings table
LAYER = "layer"  # row of the layers table
SAMPLE = "sample"  # bound: the probe sample whose feature maps are shown
SAMPLES = "samples"  # bound: the probe samples whose attributions are shown
ORDER = "order"  # bound: how filters are sorted
CHANNEL = "channel"  # bound: the input channel of the filters that is drawn
CALL = "call"  # bound: the attention whose maps are shown
SEVERITY = "severity"  # bound: which severities the findings table shows
MUTE = "mute"  # `symptom:reason`, several times: findings that are put aside
DEPTH = "depth"  # bound: how many parts of a layer's name make a row of the heat map
FOLLOW = "follow"  # bound: whether the live page goes on looking
STATE = "state"  # bound: which states the checklist shows
FORMAT = "format"  # bound: the file format of the report page
TENSOR = "tensor"  # bound: the parameter or output whose distribution is shown
KIND = "kind"  # bound: whether it is of weights, gradients or outputs
PICTURE = "picture"  # bound: how a distribution is drawn
SIGNAL = "signal"  # bound: which measure the activations page shows
SORT = "sort"  # bound: layers as the forward pass meets them, or the worst first
SCALE = "scale"  # bound: the axis of the loss
CLOCK = "clock"  # bound: learning curves over steps or over time
SMOOTHING = "smoothing"  # bound: how much the past counts in a learning curve


def chosen(key: str, options: list[str]) -> int | None:
    """The row that the address names; None when it names none, or one that is not there any more."""
    wanted = st.query_params.get(key)
    return options.index(wanted) if wanted in options else None


def choose(key: str, value: str | None) -> None:
    """Write a table's selection into the address, so that the page can be shared as it is."""
    if value is None:
        st.query_params.pop(key, None)
    elif st.query_params.get(key) != value:
        st.query_params[key] = value
