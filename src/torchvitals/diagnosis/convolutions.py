"""The convolutions of a run, and what was recorded of their filters."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from torchvitals.core.manifest import Manifest, ParameterInfo
from torchvitals.core.run import Run
from torchvitals.core.series import VectorSeries
from torchvitals.core.tag import Tag

PATIENCE = 20  # steps between the first look at the filters and the last, before which nothing is said
NORMS = ("BatchNorm", "InstanceNorm", "GroupNorm", "LayerNorm")
Mask = NDArray[np.bool_]
Row = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolution:
    """A convolution in training."""

    weight: ParameterInfo

    @property
    def name(self) -> str:
        """The module that owns the weight."""
        return self.weight.module

    @property
    def kernel(self) -> tuple[int, ...]:
        """Its extent in every dimension."""
        return self.weight.shape[2:]


def convolutions(run: Run) -> tuple[Convolution, ...]:
    """The convolutions that an optimizer trains, in forward order: frozen filters are the user's choice."""
    if run.manifest is None:
        return ()
    fired = {m.name for m in run.manifest.modules if m.fired and m.kind.removeprefix("Lazy").startswith("Conv")}
    return tuple(
        Convolution(weight=p)
        for p in run.manifest.parameters
        if p.module in fired and len(p.shape) >= 3 and p.trainable and p.optimized
    )


def filters(run: Run, measure: str, layer: str) -> VectorSeries | None:
    """A measure of each filter of a layer at every look; None when there are not two looks that lie far enough apart."""
    found = run.vectors.get(Tag(measure=measure, subject=layer))
    if found is None or len(found) < 2 or found.step[-1] - found.step[0] < PATIENCE:
        return None
    return found


def share_at_white_noise(kernel: tuple[int, ...]) -> float:
    """The `filter_roughness` that white noise has on the average: √Σ(j_d/k_d)² > 1/2 for so many of the indices j.

    Example:
        >>> round(share_at_white_noise((3, 3)), 3), share_at_white_noise((5, 5))
        (0.556, 0.68)
    """
    indices = list(product(*(range(k) for k in kernel)))
    return sum(sum((j / k) ** 2 for j, k in zip(index, kernel, strict=True)) > 1 / 4 for index in indices) / len(indices)


def next_to_zero(norms: Row, share: float) -> Mask:
    """Filters of no more than a share of the usual norm of their layer, zeros left out of what is usual; (F,)."""
    positive = norms[np.isfinite(norms) & (norms > 0)]
    return norms <= share * (float(np.median(positive)) if positive.size else 0.0)


def rectifier_behind(manifest: Manifest, layer: str, kinds: frozenset[str]) -> str | None:
    """The activation of one of these kinds that a layer's channels go into, by way of a normalisation at most."""
    fired = [m for m in manifest.modules if m.fired]
    behind = next((i + 1 for i, m in enumerate(fired) if m.name == layer), len(fired))
    for module in fired[behind:]:
        if module.activation is not None:
            return module.name if module.activation in kinds else None
        if not module.kind.startswith(NORMS):
            return None
    return None


def never_on(run: Run, activation: str, *, samples: int, probes: int) -> Mask | None:
    """Channels that were above zero for none of so many samples and positions, in the last recorded steps; None: too few."""
    rates = run.vectors.get(Tag(measure="firing_rate", subject=activation))
    counts = run.scalar("firing_samples", activation)
    per_step = float(np.median(counts.value)) if counts is not None and len(counts) else 0.0
    if rates is None or not 0 < per_step < np.inf:
        return None
    window = max(probes, int(np.ceil(samples / per_step)), len(rates) // 5)
    return np.asarray((rates.matrix()[-window:] == 0).all(axis=0)) if window <= len(rates) else None


def off_since(run: Run, activation: str, off: Mask, *, channels: int) -> int:
    """The first recorded step since which at least so many of the channels that end off have been off."""
    rates = run.vectors[Tag(measure="firing_rate", subject=activation)]
    fired = rates.matrix()[:, off] > 0
    last = np.where(fired.any(axis=0), len(rates) - 1 - fired[::-1].argmax(axis=0), -1)
    return int(rates.step[min(int(np.sort(last)[min(channels, last.size) - 1]) + 1, len(rates) - 1)])
