"""The per-layer measures: what each is called, what it says, and which layers stand out in it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

from torchvitals.core.run import Run

# What speaks of the run, of a split, of the loop, of an optimizer or of one of its parameter groups is no layer.
_WHOLE_RUN = re.compile(r"|model|train|val|test|loop|loss|(?:optimizer\d+)?\.?(?:group\d+)?")
Worst = Literal["high", "far from 1e-3", "far from the others"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One switch of the gradient-flow page."""

    name: str
    title: str
    meaning: str = "As the log names it; this version does not know what it means."
    worst: Worst = "far from the others"


KNOWN = (
    Measure(
        name="grad_norm",
        title="Gradient norm",
        meaning="‖g‖ of each parameter: a colour that fades towards the input is a vanishing gradient.",
    ),
    Measure(
        name="update_ratio", title="Update ratio", meaning="‖Δw‖/‖w‖ of each step: about 1e-3 is usual.", worst="far from 1e-3"
    ),
    Measure(name="weight_norm", title="Weight norm", meaning="‖w‖ of each parameter."),
    Measure(
        name="dead_fraction", title="Dead units", meaning="Share of the units that were zero on every input.", worst="high"
    ),
    Measure(
        name="saturated_fraction",
        title="Saturated units",
        meaning="Share of the outputs at the flat ends of the activation.",
        worst="high",
    ),
    Measure(name="activation_rms", title="Activation size (rms)", meaning="Root mean square of each layer's output."),
    Measure(name="activation_std", title="Activation spread (std)", meaning="Standard deviation of each layer's output."),
    Measure(name="activation_mean", title="Activation mean", meaning="Mean of each layer's output."),
    Measure(name="activation_min", title="Activation minimum", meaning="Smallest output of each layer."),
    Measure(name="activation_max", title="Activation maximum", meaning="Largest output of each layer."),
    Measure(name="nonfinite_gradients", title="Non-finite gradients", meaning="NaN or infinite entries.", worst="high"),
    Measure(name="nonfinite_weights", title="Non-finite weights", meaning="NaN or infinite entries.", worst="high"),
    Measure(name="nonfinite_activations", title="Non-finite activations", meaning="NaN or infinite entries.", worst="high"),
)


def available(run: Run) -> list[Measure]:
    """The per-layer scalar measures of this run: the known ones first, then what else the log holds."""
    names = {t.measure for t in run.scalars if not of_whole_run(t.subject)}
    known = [m for m in KNOWN if m.name in names]
    return known + [Measure(name=n, title=n) for n in sorted(names - {m.name for m in KNOWN})]


def of_whole_run(subject: str) -> bool:
    """Whether a subject of the log is something else than a layer.

    Example:
        >>> [of_whole_run(s) for s in ("train", "optimizer1.group0", "groupnorm", "fc1.weight")]
        [True, True, False, False]
    """
    return _WHOLE_RUN.fullmatch(subject) is not None


def standing_out(values: dict[str, float], worst: Worst) -> list[str]:
    """Layers ordered by how much they stand out: non-finite ones first.

    Example:
        >>> standing_out({"a": 1.0, "b": 1e-6, "c": 2.0, "d": float("nan")}, "far from the others")
        ['d', 'b', 'c', 'a']
    """
    finite = [math.log10(abs(v)) for v in values.values() if math.isfinite(v) and v != 0]
    middle = -3.0 if worst == "far from 1e-3" else (float(np.median(finite)) if finite else 0.0)

    def distance(value: float) -> float:
        if not math.isfinite(value):
            return math.inf
        if worst == "high":
            return value
        return abs(math.log10(abs(value)) - middle) if value else 1e6  # exactly zero is further than any small number

    return sorted(values, key=lambda layer: -distance(values[layer]))
