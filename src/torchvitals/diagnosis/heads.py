"""The end of the network: which activation it ends with, and what range that leaves its outputs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torchvitals.core.manifest import Manifest
from torchvitals.core.run import Run

RANGES: dict[str, tuple[float, float]] = {
    "sigmoid": (0.0, 1.0),
    "hardsigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "hardtanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
    "relu": (0.0, math.inf),
    "relu6": (0.0, 6.0),
    "softplus": (0.0, math.inf),
    "logsigmoid": (-math.inf, 0.0),
    "log_softmax": (-math.inf, 0.0),
}
BOTH_SIDES = frozenset(kind for kind, (low, high) in RANGES.items() if math.isfinite(low) and math.isfinite(high))
ROUNDING = 1e-4  # how far beyond its range half precision may put an output, in units of the range


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """An activation that nothing comes after."""

    name: str
    kind: str
    low: float  # the range of its outputs; ±inf where there is no bound
    high: float


def head(run: Run) -> Head | None:
    """The activation that the network ends with; None when there is none with a bound.

    The manifest lists modules and functions in the order of their first call, so the last may belong to a side branch, and
    arithmetic after it (`30 * torch.tanh(z)`) does not show there. Therefore the outputs must have kept to its range in every
    recorded step.
    """
    last = last_called(run.manifest)
    if last is None or last[1] not in RANGES:
        return None
    low, high = RANGES[last[1]]
    floor, ceiling = run.scalar("output_min", "model"), run.scalar("output_max", "model")
    if floor is None or ceiling is None or not len(floor) or not len(ceiling):
        return None
    if (floor.value < low - ROUNDING).any() or (ceiling.value > high + ROUNDING).any():
        return None
    return Head(name=last[0], kind=last[1], low=low, high=high)


def last_called(manifest: Manifest | None) -> tuple[str, str] | None:
    """Name and activation (empty for a layer) of the module or function that a forward pass reaches last."""
    fired = [m for m in manifest.modules if m.fired] if manifest is not None else []
    return (fired[-1].name, fired[-1].activation or "") if fired else None


def columns(manifest: Manifest | None) -> int | None:
    """How many outputs a sample has in the loss, when the outputs are (N, C) or (N,); None for other shapes."""
    shape = None if manifest is None else manifest.output_shape
    if not shape or len(shape) > 2:
        return None
    return shape[1] if len(shape) == 2 else 1
