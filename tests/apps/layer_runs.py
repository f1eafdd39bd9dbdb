"""A run by hand of which everything that a page about layers can show was recorded."""

from __future__ import annotations

import numpy as np

from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.finding import Finding, Severity
from torchvitals.core.histogram import Histogram
from torchvitals.core.manifest import Manifest, ModuleInfo, ParameterInfo
from torchvitals.core.run import Run
from torchvitals.core.series import HistogramSeries, Series, VectorSeries
from torchvitals.core.tag import Tag

STEPS = np.arange(0, 100, 10)
SCALARS = ("activation_mean", "activation_std", "activation_rms", "dead_fraction")
BLANK = Diagnosis(run="r", verdict="unknown")


def recorded_run(
    names: tuple[str, ...] = ("a", "b", "c"), *, steps: np.ndarray = STEPS, value: float | None = None, foreign: bool = False
) -> Run:
    """Layers whose unit i is silent from the step on at which its place in the layer says so; `value` everywhere if given."""
    scalars, vectors, histograms = {}, {}, {}
    fade = np.linspace(0, 1, len(steps))

    def add(group: dict, kind: type, tag: str, values: object) -> None:
        key = Tag.parse(tag)
        group[key] = kind(tag=key, step=steps.copy(), value=values)

    for i, name in enumerate(names):
        for measure in SCALARS:
            add(scalars, Series, f"{measure}/{name}", np.full(len(steps), value) if value is not None else fade * (i + 1) / 3)
        add(scalars, Series, f"weight_norm/{name}.weight", np.full(len(steps), value if value is not None else 2.0 + i))
        add(scalars, Series, f"update_ratio/{name}.weight", np.full(len(steps), value if value is not None else 1e-3))
        rates = tuple(np.where(np.arange(8) < 8 * f * i / 2, 0.0, 0.5) if value is None else np.full(8, value) for f in fade)
        add(vectors, VectorSeries, f"firing_rate/{name}", rates)
        count = 0.0 if value is not None and not np.isfinite(value) else 1.0
        counted = tuple(Histogram.of([-0.5, -0.1, 0.1, 0.5 + 0.1 * i], np.array([9, 80, 11]) * count) for _ in steps)
        for tag in (f"weights/{name}.weight", f"gradients/{name}.weight", f"activations/{name}"):
            add(histograms, HistogramSeries, tag, counted)
    add(scalars, Series, "loss/train", np.full(len(steps), value) if value is not None else 2.0 - fade)
    manifest = Manifest(
        modules=tuple(ModuleInfo(name=n, kind="Linear", parameters=12, output_shape=(4, 8)) for n in names),
        parameters=tuple(ParameterInfo(name=f"{n}.weight", module=n, shape=(4, 3)) for n in names),
    )
    return Run(name="r", manifest=None if foreign else manifest, scalars=scalars, vectors=vectors, histograms=histograms)


def dying(layer: str = "c") -> Diagnosis:
    """A finding on one layer, and one on its parameter that follows from it."""
    root = Finding(symptom="dead-relu", code="D", severity=Severity.CRITICAL, summary="Silent.", module=layer, first_step=20)
    child = Finding(
        symptom="zero-gradient",
        code="Z",
        severity=Severity.WARNING,
        summary="No gradient.",
        module=f"{layer}.weight",
        first_step=30,
        last_step=90,
        caused_by="dead-relu",
    )
    return Diagnosis(run="r", verdict="critical", findings=(root, child))
