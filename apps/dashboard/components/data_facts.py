"""The data and the loop in a few numbers."""

from __future__ import annotations

import numpy as np

from torchvitals.core.manifest import Manifest
from torchvitals.core.run import Run
from torchvitals.diagnosis.batches import class_counts, label_dispersion
from torchvitals.present.figures.class_shares import counted
from torchvitals.present.theme import format_value


def facts(run: Run) -> dict[str, str]:
    """What is known, by its word: shapes, batch size, imbalance, order of the samples, time and cost of recording."""
    found: dict[str, str] = {}
    if (manifest := run.manifest) is not None:
        found |= _shapes(manifest)
    targets = counted(run, "target_class_count")
    if targets is not None and (seen := targets[targets > 0]).size > 1:
        found["largest class over smallest"] = format_value(float(seen.max() / seen.min()))
    if (counts := class_counts(run)) is not None and len(chi := label_dispersion(counts)):
        found["label dispersion χ²/(C − 1); shuffled: about 1"] = format_value(float(np.mean(chi)))
    share = recording_share(run)
    if share is not None:
        found["recording, of the training time"] = format_value(share, "fraction")
    return found


def _shapes(manifest: Manifest) -> dict[str, str]:
    shapes = {"input": manifest.input_shape, "output": manifest.output_shape, "target": manifest.target_shape}
    return {word: _shape(shape) for word, shape in shapes.items() if shape is not None}


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "scalar"


def recording_share(run: Run) -> float | None:
    """Cost of the sampled steps over the time of all steps they stand for; None where either was not recorded.

    Each reading of `step_time_s` is the mean, without the recorder, of the `sampling_interval` steps since the last one.
    """
    loop = {name: run.scalar(name, "loop") for name in ("recorder_cost_s", "step_time_s", "sampling_interval")}
    series = [s.finite() for s in loop.values() if s is not None and len(s)]
    if len(series) < len(loop):
        return None
    both = np.intersect1d(np.intersect1d(series[0].step, series[1].step), series[2].step)
    cost, time, interval = (s.value[np.isin(s.step, both)] for s in series)
    spent = float(np.sum(time * interval))
    return float(np.sum(cost)) / spent if spent > 0 else None
