"""What makes plain TensorBoard useful: its Custom Scalars page laid out, and its HParams page filled."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from torch.utils.tensorboard.summary import custom_scalars, hparams

from torchvitals.core.manifest import Manifest
from torchvitals.core.step_record import StepRecord

# Section → measures, one chart for each, with every layer in it.
SECTIONS: Mapping[str, tuple[str, ...]] = {
    "Loss": ("loss", "learning_rate"),
    "Gradients": ("grad_norm", "global_grad_norm", "nonfinite_gradients"),
    "Updates": ("update_ratio",),
    "Activations": ("activation_mean", "activation_std", "dead_fraction", "saturated_fraction", "nonfinite_activations"),
    "Weights": ("weight_norm", "nonfinite_weights"),
}
REST = "More"
ALWAYS = "loss"  # it may be told later than the first step


def layout(measures: Iterable[str]) -> Any:
    """The Custom Scalars page: a chart for each measure. Its lines are found by a pattern, so that no layer is named."""
    present = {ALWAYS, *measures}
    listed = {m for section in SECTIONS.values() for m in section}
    sections = {**SECTIONS, REST: tuple(sorted(present - listed))}
    charts = {
        title: {m.replace("_", " "): ["Multiline", [f"^{re.escape(m)}(/|$)"]] for m in group if m in present}
        for title, group in sections.items()
    }
    return custom_scalars({title: group for title, group in charts.items() if group})  # type: ignore[no-untyped-call]


def session(manifest: Manifest, first: StepRecord) -> tuple[Any, Any]:
    """The run on the HParams page: what to write at its start, and at its end."""
    experiment, start, end = hparams(hyperparameters(manifest, first), {"loss/train": 0.0})  # type: ignore[no-untyped-call]
    start.value.add().CopyFrom(experiment.value[0])
    return start, end


def hyperparameters(manifest: Manifest, first: StepRecord) -> dict[str, str | float]:
    """What was chosen for a run, as far as it was seen in its first recorded step."""
    rates = sorted((str(tag), value) for tag, value in first.scalars if tag.measure == "learning_rate")
    found: dict[str, str | float | None] = {
        "model": manifest.model,
        "optimizer": ", ".join(manifest.optimizers),
        "learning_rate": rates[0][1] if rates else None,
        "batch_size": batch_size(manifest),
        "loss": manifest.loss,
        "every": manifest.every,
        "seed": None if manifest.seed is None else str(manifest.seed),  # exact, where a float would round it
    }
    return {name: value for name, value in found.items() if value is not None and value != ""}


def batch_size(manifest: Manifest) -> int | None:
    """The first dimension of the outputs, where all modules agree on it; None where they do not, so that it is no batch."""
    sizes = {m.output_shape[0] for m in manifest.modules if m.fired and m.output_shape}
    return sizes.pop() if len(sizes) == 1 else None
