"""Everything there is to see of what a network has learned, cheapest first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from torchvitals.core.exhibits import Exhibits
from torchvitals.core.manifest import MeasureInfo
from torchvitals.explanation import attention_maps, attributions, embeddings, feature_maps, filters, measures, predictions


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sitting:
    """A copy of the network, in eval mode and without hooks, and the probe that it is looked at with."""

    model: nn.Module
    inputs: object
    targets: object = None
    loss_fn: Callable[..., Any] | None = None
    layers: Sequence[str] | None = None  # whose feature maps are wanted; None: chosen by themselves


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One thing to see, and what it costs as long as it was never made: `least_s`, and passes of the network without gradients.

    The numbers were measured on one core with four small networks, convolutional, fully connected and with attention.
    """

    name: str
    see: Callable[[Sitting], Exhibits]
    least_s: float = 0.0
    passes: float = 0.0  # over the probe
    samples: float = 0.0  # of a single sample, however many the probe has


LOOKS = (
    Look(name="filters", see=lambda s: filters.filters(s.model, s.inputs), least_s=0.002),
    Look(
        name="feature maps",
        see=lambda s: feature_maps.feature_maps(s.model, s.inputs, s.layers),
        least_s=0.002,
        passes=1.5,
    ),
    Look(name="attention maps", see=lambda s: attention_maps.attention_maps(s.model, s.inputs), least_s=0.001, passes=2),
    Look(name="embeddings", see=lambda s: embeddings.embeddings(s.model, s.inputs), least_s=0.001, passes=2),
    Look(
        name="predictions",
        see=lambda s: predictions.predict(s.model, s.inputs, s.targets, s.loss_fn),
        least_s=0.005,
        passes=8,
    ),
    Look(
        name="attributions",
        see=lambda s: attributions.attribute(s.model, s.inputs, s.targets),
        least_s=0.05,
        samples=1000,  # 24 points for each of 8 samples, forward and backward, with two sets of weights; conductance alike
    ),
)

MEASURES: tuple[MeasureInfo, ...] = (
    *filters.MEASURES,
    *feature_maps.MEASURES,
    *attention_maps.MEASURES,
    *embeddings.MEASURES,
    *measures.MEASURES,
)
